DROP INDEX "executions_held";--> statement-breakpoint
DROP INDEX "executions_debounce";--> statement-breakpoint
ALTER TABLE "executions" ADD COLUMN "held" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "executions_concurrency" ON "executions" USING btree ("tenant_id","concurrency_key") WHERE "executions"."concurrency_key" is not null and "executions"."status" in ('QUEUED', 'RUNNING');--> statement-breakpoint
CREATE INDEX "executions_held" ON "executions" USING btree ("start_after") WHERE "executions"."held" and "executions"."status" = 'QUEUED';--> statement-breakpoint
CREATE UNIQUE INDEX "executions_debounce" ON "executions" USING btree ("tenant_id","workflow_id","debounce_key") WHERE "executions"."debounce_key" is not null and "executions"."held" and "executions"."status" = 'QUEUED';