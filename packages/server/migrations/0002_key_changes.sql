-- Whoever remembers an API key is told, in the moment of the commit, that its row has changed or gone.
create function pegasus_key_changed() returns trigger language plpgsql as $$
begin
  perform pg_notify('pegasus_key_changed', old.hash);
  return null;
end $$;
--> statement-breakpoint
create trigger api_keys_changed after update or delete on api_keys
  for each row execute function pegasus_key_changed();
