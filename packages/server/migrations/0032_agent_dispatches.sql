CREATE TABLE "agent_dispatch_events" (
	"dispatch_id" uuid NOT NULL,
	"tenant_id" uuid NOT NULL,
	"n" bigint NOT NULL,
	"event" jsonb NOT NULL,
	CONSTRAINT "agent_dispatch_events_dispatch_id_n_pk" PRIMARY KEY("dispatch_id","n")
);
--> statement-breakpoint
CREATE TABLE "agent_dispatches" (
	"id" uuid PRIMARY KEY NOT NULL,
	"tenant_id" uuid NOT NULL,
	"workspace" text NOT NULL,
	"model" text,
	"merge" text NOT NULL,
	"task" jsonb NOT NULL,
	"role" text NOT NULL,
	"permission_mode" text NOT NULL,
	"title" text NOT NULL,
	"state" text NOT NULL,
	"question" jsonb,
	"result" jsonb,
	"status" text,
	"tokens_in" bigint DEFAULT 0 NOT NULL,
	"tokens_out" bigint DEFAULT 0 NOT NULL,
	"parent_execution_id" uuid,
	"created_by_user_id" uuid,
	"idempotency_key" text,
	"start_asked_at" timestamp (3) with time zone,
	"run_id" text,
	"reported_at" bigint DEFAULT 0 NOT NULL,
	"changes" integer DEFAULT 1 NOT NULL,
	"queued_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"heard_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "agent_orders" (
	"seq" bigserial PRIMARY KEY NOT NULL,
	"dispatch_id" uuid NOT NULL,
	"tenant_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"question_id" text,
	"answer" text,
	"created_by_user_id" uuid,
	"execution_id" uuid,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"sent_at" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "agent_workspaces" (
	"tenant_id" uuid NOT NULL,
	"host_id" text NOT NULL,
	"name" text NOT NULL,
	"models" jsonb NOT NULL,
	"seen_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "agent_workspaces_tenant_id_name_host_id_pk" PRIMARY KEY("tenant_id","name","host_id")
);
--> statement-breakpoint
ALTER TABLE "webhook_deliveries" ALTER COLUMN "execution_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "webhook_deliveries" ADD COLUMN "dispatch_id" uuid;--> statement-breakpoint
ALTER TABLE "webhook_deliveries" ADD COLUMN "body" text;--> statement-breakpoint
ALTER TABLE "webhooks" ADD COLUMN "events" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "agent_dispatch_events" ADD CONSTRAINT "agent_dispatch_events_dispatch_id_agent_dispatches_id_fk" FOREIGN KEY ("dispatch_id") REFERENCES "public"."agent_dispatches"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agent_dispatch_events" ADD CONSTRAINT "agent_dispatch_events_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agent_dispatches" ADD CONSTRAINT "agent_dispatches_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agent_orders" ADD CONSTRAINT "agent_orders_dispatch_id_agent_dispatches_id_fk" FOREIGN KEY ("dispatch_id") REFERENCES "public"."agent_dispatches"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agent_orders" ADD CONSTRAINT "agent_orders_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agent_workspaces" ADD CONSTRAINT "agent_workspaces_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "agent_dispatches_newest" ON "agent_dispatches" USING btree ("tenant_id","queued_at" DESC NULLS LAST,"id" DESC NULLS LAST);--> statement-breakpoint
CREATE INDEX "agent_dispatches_open" ON "agent_dispatches" USING btree ("tenant_id") WHERE "agent_dispatches"."state" <> 'ENDED';--> statement-breakpoint
CREATE INDEX "agent_dispatches_silent" ON "agent_dispatches" USING btree ("heard_at") WHERE "agent_dispatches"."state" <> 'ENDED';--> statement-breakpoint
CREATE UNIQUE INDEX "agent_dispatches_idempotency" ON "agent_dispatches" USING btree ("tenant_id","idempotency_key") WHERE "agent_dispatches"."idempotency_key" is not null;--> statement-breakpoint
CREATE INDEX "agent_orders_unsent" ON "agent_orders" USING btree ("dispatch_id","seq") WHERE "agent_orders"."sent_at" is null;--> statement-breakpoint
CREATE UNIQUE INDEX "agent_orders_answers" ON "agent_orders" USING btree ("dispatch_id","question_id") WHERE "agent_orders"."kind" = 'ANSWER';--> statement-breakpoint
CREATE UNIQUE INDEX "agent_orders_cancel" ON "agent_orders" USING btree ("dispatch_id") WHERE "agent_orders"."kind" = 'CANCEL';--> statement-breakpoint
CREATE INDEX "agent_workspaces_host" ON "agent_workspaces" USING btree ("host_id");