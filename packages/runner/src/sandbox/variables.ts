/** Variables that no command is given: they would act on what starts the sandbox, outside of it. */
export const SANDBOX_VARIABLES =
  /^(PATH|HOME|TMPDIR|IFS|PS4|ENV|BASH.*|SHELLOPTS|LD_.*|GLIBC_.*|GCONV_PATH|LOCPATH|MALLOC_.*|NODE_.*)$/;
