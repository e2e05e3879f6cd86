-- Roles belong to the cluster, not to the database, so this file is not recorded as a migration: it runs at every
-- start, before the migrations, and changes nothing where the roles are there already (or were made by an operator).
do $$
declare
  wanted text;
  may_become boolean;
begin
  foreach wanted in array array['pegasus_tenant', 'pegasus_system'] loop
    if not exists (select from pg_roles where rolname = wanted) then
      begin
        execute format('create role %I nologin', wanted);
      exception when duplicate_object or unique_violation then
        null; -- made by another server at this very moment
      end;
    end if;
    -- From PostgreSQL 16 on, being a member no longer implies being allowed to SET ROLE.
    if current_setting('server_version_num')::int >= 160000 then
      execute format('select pg_has_role(current_user, %L, %L)', wanted, 'SET') into may_become;
    else
      may_become := pg_has_role(current_user, wanted, 'MEMBER');
    end if;
    if not may_become then
      execute format('grant %I to current_user', wanted);
    end if;
  end loop;
end $$;
