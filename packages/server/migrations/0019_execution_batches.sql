CREATE TABLE "execution_batch_items" (
	"batch_id" uuid NOT NULL,
	"tenant_id" uuid NOT NULL,
	"place" integer NOT NULL,
	"execution_id" uuid NOT NULL,
	"workflow_id" uuid NOT NULL,
	"state" text DEFAULT 'PENDING' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"error" text,
	CONSTRAINT "execution_batch_items_batch_id_place_pk" PRIMARY KEY("batch_id","place")
);
--> statement-breakpoint
CREATE TABLE "execution_batches" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"tenant_id" uuid NOT NULL,
	"operation" text NOT NULL,
	"filter" jsonb NOT NULL,
	"reason" text,
	"state" text NOT NULL,
	"total" integer DEFAULT 0 NOT NULL,
	"actor" jsonb,
	"idempotency_key" text,
	"created_by_user_id" uuid,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"finished_at" timestamp (3) with time zone
);
--> statement-breakpoint
ALTER TABLE "execution_batch_items" ADD CONSTRAINT "execution_batch_items_batch_id_execution_batches_id_fk" FOREIGN KEY ("batch_id") REFERENCES "public"."execution_batches"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "execution_batch_items" ADD CONSTRAINT "execution_batch_items_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "execution_batches" ADD CONSTRAINT "execution_batches_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "execution_batch_items_pending" ON "execution_batch_items" USING btree ("batch_id","place") WHERE "execution_batch_items"."state" = 'PENDING';--> statement-breakpoint
CREATE INDEX "execution_batches_newest" ON "execution_batches" USING btree ("tenant_id","created_at" DESC NULLS LAST);--> statement-breakpoint
CREATE UNIQUE INDEX "execution_batches_idempotency" ON "execution_batches" USING btree ("tenant_id","idempotency_key") WHERE "execution_batches"."idempotency_key" is not null;