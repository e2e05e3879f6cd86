ALTER TABLE "execution_notes" ADD COLUMN "name" text NOT NULL;--> statement-breakpoint
CREATE UNIQUE INDEX "execution_notes_once" ON "execution_notes" USING btree ("execution_id","kind","name");