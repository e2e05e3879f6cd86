-- Whoever remembers an API key is told of every change that bears on what it may do: of its own row, of its principal's,
-- of its tenant's. When it was last used bears on nothing, and is written often.
drop trigger api_keys_changed on api_keys;
--> statement-breakpoint
create trigger api_keys_changed after update on api_keys for each row
  when (to_jsonb(old) - 'last_used_at' is distinct from to_jsonb(new) - 'last_used_at')
  execute function pegasus_key_changed();
--> statement-breakpoint
create trigger api_keys_gone after delete on api_keys for each row execute function pegasus_key_changed();
--> statement-breakpoint
-- The name of the column of api_keys that points at the changed row is the trigger's argument.
create function pegasus_key_owner_changed() returns trigger language plpgsql as $$
begin
  if tg_argv[0] = 'principal_id' then
    perform pg_notify('pegasus_key_changed', hash) from api_keys where principal_id = old.id;
  else
    perform pg_notify('pegasus_key_changed', hash) from api_keys where tenant_id = old.id;
  end if;
  return null;
end $$;
--> statement-breakpoint
create trigger key_owner_changed after update on principals for each row
  when ((old.roles, old.disabled_at, old.removed_at) is distinct from (new.roles, new.disabled_at, new.removed_at))
  execute function pegasus_key_owner_changed('principal_id');
--> statement-breakpoint
create trigger key_owner_changed after update on tenants for each row
  when ((old.is_platform, old.disabled_at) is distinct from (new.is_platform, new.disabled_at))
  execute function pegasus_key_owner_changed('tenant_id');
