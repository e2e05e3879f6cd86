ALTER TABLE "executions" ADD COLUMN "change_xid" "xid8" DEFAULT '0' NOT NULL;--> statement-breakpoint
ALTER TABLE "executions" ADD COLUMN "change_seq" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
CREATE INDEX "executions_changes" ON "executions" USING btree ("tenant_id","change_xid","change_seq");