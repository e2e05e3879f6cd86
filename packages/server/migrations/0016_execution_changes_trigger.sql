-- Every change of a row is put into an order that readers can follow without missing one: by transaction, and within it
-- by place. A reader takes only rows of transactions below the oldest one under way (live/changes.ts).
create sequence executions_change_seq;
--> statement-breakpoint
grant usage on sequence executions_change_seq to pegasus_tenant, pegasus_system;
--> statement-breakpoint
create function pegasus_number_change() returns trigger language plpgsql as $$
begin
  new.change_xid := pg_current_xact_id();
  new.change_seq := nextval('executions_change_seq');
  return new;
end $$;
--> statement-breakpoint
create trigger number_change before insert or update on executions for each row execute function pegasus_number_change();
