CREATE TABLE "execution_logs" (
	"tenant_id" uuid NOT NULL,
	"stream_id" uuid NOT NULL,
	"number" bigint NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"level" smallint NOT NULL,
	"message" text NOT NULL,
	"source" text NOT NULL,
	"attributes" jsonb,
	"activity_type" text,
	"activity_id" text,
	"attempt" integer,
	"run_id" text,
	"child_workflow_id" text,
	"truncated" boolean NOT NULL,
	"bytes" integer NOT NULL,
	CONSTRAINT "execution_logs_tenant_id_stream_id_number_pk" PRIMARY KEY("tenant_id","stream_id","number")
);
--> statement-breakpoint
CREATE TABLE "log_producers" (
	"tenant_id" uuid NOT NULL,
	"producer" uuid NOT NULL,
	"sequence" bigint NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "log_producers_tenant_id_producer_pk" PRIMARY KEY("tenant_id","producer")
);
--> statement-breakpoint
CREATE TABLE "log_streams" (
	"tenant_id" uuid NOT NULL,
	"stream_id" uuid NOT NULL,
	"execution_id" uuid,
	"written" bigint NOT NULL,
	"first_until" integer NOT NULL,
	"first_bytes" integer NOT NULL,
	"first_full" boolean NOT NULL,
	"bytes" bigint NOT NULL,
	"updated_at" timestamp (3) with time zone NOT NULL,
	CONSTRAINT "log_streams_tenant_id_stream_id_pk" PRIMARY KEY("tenant_id","stream_id")
);
--> statement-breakpoint
ALTER TABLE "execution_logs" ADD CONSTRAINT "execution_logs_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "execution_logs" ADD CONSTRAINT "execution_logs_stream" FOREIGN KEY ("tenant_id","stream_id") REFERENCES "public"."log_streams"("tenant_id","stream_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "log_producers" ADD CONSTRAINT "log_producers_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "log_streams" ADD CONSTRAINT "log_streams_tenant_id_tenants_id_fk" FOREIGN KEY ("tenant_id") REFERENCES "public"."tenants"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "log_streams" ADD CONSTRAINT "log_streams_execution_id_executions_id_fk" FOREIGN KEY ("execution_id") REFERENCES "public"."executions"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "log_producers_oldest" ON "log_producers" USING btree ("updated_at");--> statement-breakpoint
CREATE INDEX "log_streams_execution" ON "log_streams" USING btree ("execution_id");--> statement-breakpoint
CREATE INDEX "log_streams_oldest" ON "log_streams" USING btree ("updated_at");