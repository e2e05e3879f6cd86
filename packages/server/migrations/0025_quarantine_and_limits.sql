ALTER TABLE "tenants" ADD COLUMN "max_starts_per_second" integer;--> statement-breakpoint
ALTER TABLE "workflows" ADD COLUMN "quarantined_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "workflows" ADD COLUMN "quarantine" jsonb;--> statement-breakpoint
CREATE INDEX "workflows_quarantined" ON "workflows" USING btree ("tenant_id","artifact_sha256") WHERE "workflows"."quarantined_at" is not null;