CREATE TABLE "agent_remotes" (
	"tenant_id" uuid NOT NULL,
	"host_id" text NOT NULL,
	"models" jsonb NOT NULL,
	"seen_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "agent_remotes_tenant_id_host_id_pk" PRIMARY KEY("tenant_id","host_id")
);
--> statement-breakpoint
ALTER TABLE "agent_dispatches" ADD COLUMN "isolation" text;--> statement-breakpoint
ALTER TABLE "agent_remotes" ADD CONSTRAINT "agent_remotes_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "agent_remotes_host" ON "agent_remotes" USING btree ("host_id");