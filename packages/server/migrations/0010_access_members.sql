DROP INDEX "principals_email";--> statement-breakpoint
ALTER TABLE "principals" ADD COLUMN "removed_at" timestamp (3) with time zone;--> statement-breakpoint
CREATE UNIQUE INDEX "principals_service_account" ON "principals" USING btree ("tenant_id","name") WHERE "principals"."kind" = 'SERVICE_ACCOUNT' and "principals"."removed_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "principals_email" ON "principals" USING btree ("tenant_id","email") WHERE "principals"."removed_at" is null;