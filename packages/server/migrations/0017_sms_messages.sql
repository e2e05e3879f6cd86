DROP INDEX "sms_messages_dedup";--> statement-breakpoint
ALTER TABLE "sms_opt_outs" ADD COLUMN "masked" text GENERATED ALWAYS AS (left("sms_opt_outs"."number", 3) || '…' || right("sms_opt_outs"."number", 3)) STORED;--> statement-breakpoint
CREATE INDEX "sms_messages_recipient" ON "sms_messages" USING btree ("tenant_id","to_number","created_at" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "sms_messages_sending" ON "sms_messages" USING btree ("created_at") WHERE "sms_messages"."status" = 'SENDING';--> statement-breakpoint
CREATE UNIQUE INDEX "sms_messages_dedup" ON "sms_messages" USING btree ("tenant_id","dedup_key") WHERE "sms_messages"."dedup_key" is not null and "sms_messages"."status" <> 'FAILED';