CREATE TABLE "platform" (
	"only" boolean PRIMARY KEY DEFAULT true NOT NULL,
	"id" uuid DEFAULT gen_random_uuid() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "trigger_ticks" (
	"trigger_id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"scheduled_at" timestamp (3) with time zone NOT NULL,
	"outcome" text NOT NULL,
	"execution_id" uuid
);
--> statement-breakpoint
ALTER TABLE "triggers" ADD COLUMN "note" text;--> statement-breakpoint
ALTER TABLE "trigger_ticks" ADD CONSTRAINT "trigger_ticks_trigger_id_triggers_id_fk" FOREIGN KEY ("trigger_id") REFERENCES "public"."triggers"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "trigger_ticks" ADD CONSTRAINT "trigger_ticks_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;