-- The audit log names an opt-out by its masked number: the log is kept longer than the number may be.
drop trigger audit on sms_opt_outs;
--> statement-breakpoint
create trigger audit after insert or delete on sms_opt_outs for each row execute function pegasus_audit('masked');
