CREATE TABLE "integration_configs" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"tenant_id" uuid NOT NULL,
	"integration_id" text NOT NULL,
	"version" integer NOT NULL,
	"visibility" text NOT NULL,
	"display_name" text,
	"parts" text NOT NULL,
	"corpus" text NOT NULL,
	"base_floor" text,
	"rolled_back_from" integer,
	"forked_from_version" integer,
	"created_by_user_id" uuid,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "integration_configs" ADD CONSTRAINT "integration_configs_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "integration_configs_version" ON "integration_configs" USING btree ("tenant_id","integration_id","version");--> statement-breakpoint
CREATE INDEX "integration_configs_global" ON "integration_configs" USING btree ("integration_id","version") WHERE "integration_configs"."visibility" = 'GLOBAL';