DROP INDEX "integration_ingress_token";--> statement-breakpoint
DROP INDEX "integration_ingress_previous_token";--> statement-breakpoint
ALTER TABLE "integration_ingress" ADD COLUMN "secret_prefix" text;--> statement-breakpoint
ALTER TABLE "integration_ingress" ADD COLUMN "keep_headers" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "webhooks" ADD COLUMN "previous_secret" text;--> statement-breakpoint
ALTER TABLE "webhooks" ADD COLUMN "previous_expires_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "webhooks" ADD COLUMN "disabled_reason" text;