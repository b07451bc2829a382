/**
 * What the OCI runtimes have in their logs when an exec fails, with the exit code that becomes of it:
 * captured, each by running it.
 */
export type CapturedFailure = {
  readonly program: string;
  readonly what: string;
  readonly exitCode: 126 | 127 | undefined;
  readonly log: string;
};

export const capturedFailures: readonly CapturedFailure[] = [
  {
    program: "crun 1.8.1",
    what: "a path that is not there",
    exitCode: 127,
    log: `{"msg":"executable file ${"`"}/nosuch${"`"} not found in $PATH: No such file or directory","level":"error","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "crun 1.8.1",
    what: "a name that is not there",
    exitCode: 127,
    log: `{"msg":"executable file ${"`"}nosuch${"`"} not found in $PATH: No such file or directory","level":"error","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "crun 1.8.1",
    what: "a directory",
    exitCode: 126,
    log: `{"msg":"open executable: Operation not permitted","level":"error","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "crun 1.8.1",
    what: "a file that is no program",
    exitCode: 126,
    log: `{"msg":"open executable: Permission denied","level":"error","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "crun 1.8.1",
    what: "a file in PATH that is no program",
    exitCode: 126,
    log: `{"msg":"open executable: Permission denied","level":"error","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "crun 1.8.1",
    what: "a path through a file",
    exitCode: 126,
    log: `{"msg":"open executable: Not a directory","level":"error","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "crun 1.8.1",
    what: "a link to itself",
    exitCode: 126,
    log: `{"msg":"open executable: Too many levels of symbolic links","level":"error","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "crun 1.8.1",
    what: "no name",
    exitCode: 126,
    log: `{"msg":"open executable: Operation not permitted","level":"error","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "crun 1.8.1",
    what: "a relative path that is not there",
    exitCode: 127,
    log: `{"msg":"executable file ${"`"}./nosuch${"`"} not found in $PATH: No such file or directory","level":"error","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "crun 1.8.1",
    what: "a working directory that is not there",
    exitCode: undefined,
    log: `{"msg":"chdir ${"`"}/nosuchdir${"`"}: No such file or directory","level":"error","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "crun 1.28",
    what: "a path that is not there",
    exitCode: 127,
    log: String.raw`{
  "msg": "executable file ${"`"}\/nosuch${"`"} not found: No such file or directory",
  "level": "error",
  "time": "2026-11-28T08:36:17Z"
}
`,
  },
  {
    program: "crun 1.28",
    what: "a name that is not there",
    exitCode: 127,
    log: `{
  "msg": "executable file ${"`"}nosuch${"`"} not found in $PATH: No such file or directory",
  "level": "error",
  "time": "2026-11-28T08:36:17Z"
}
`,
  },
  {
    program: "crun 1.28",
    what: "a directory",
    exitCode: 126,
    log: String.raw`{
  "msg": "the path ${"`"}\/bin${"`"} is not a regular file: Operation not permitted",
  "level": "error",
  "time": "2026-11-28T08:36:17Z"
}
`,
  },
  {
    program: "crun 1.28",
    what: "a file that is no program",
    exitCode: 126,
    log: String.raw`{
  "msg": "the path ${"`"}\/bin\/noexec${"`"} exists but it is not executable: Operation not permitted",
  "level": "error",
  "time": "2026-11-28T08:36:17Z"
}
`,
  },
  {
    program: "crun 1.28",
    what: "a file in PATH that is no program",
    exitCode: 126,
    log: `{
  "msg": "the path ${"`"}noexec${"`"} exists but it is not executable: Operation not permitted",
  "level": "error",
  "time": "2026-11-28T08:36:17Z"
}
`,
  },
  {
    program: "crun 1.28",
    what: "a path through a file",
    exitCode: 126,
    log: String.raw`{
  "msg": "open ${"`"}\/bin\/sh\/x${"`"}: Not a directory",
  "level": "error",
  "time": "2026-11-28T08:36:17Z"
}
`,
  },
  {
    program: "crun 1.28",
    what: "a link to itself",
    exitCode: 126,
    log: String.raw`{
  "msg": "open ${"`"}\/bin\/loop${"`"}: Too many levels of symbolic links",
  "level": "error",
  "time": "2026-11-28T08:36:17Z"
}
`,
  },
  {
    program: "crun 1.28",
    what: "no name",
    exitCode: 127,
    log: `{
  "msg": "cannot find ${"`"}${"`"} in $PATH: No such file or directory",
  "level": "error",
  "time": "2026-11-28T08:36:17Z"
}
`,
  },
  {
    program: "crun 1.28",
    what: "a relative path that is not there",
    exitCode: 127,
    log: String.raw`{
  "msg": "executable file ${"`"}\/.\/nosuch${"`"} not found: No such file or directory",
  "level": "error",
  "time": "2026-11-28T08:36:17Z"
}
`,
  },
  {
    program: "crun 1.28",
    what: "a working directory that is not there",
    exitCode: undefined,
    log: String.raw`{
  "msg": "chdir to ${"`"}\/nosuchdir${"`"}: No such file or directory",
  "level": "error",
  "time": "2026-11-28T08:36:17Z"
}
`,
  },
  {
    program: "runc 1.1.5",
    what: "a path that is not there",
    exitCode: 127,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"/nosuch\": stat /nosuch: no such file or directory","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.1.5",
    what: "a name that is not there",
    exitCode: 127,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"nosuch\": executable file not found in $PATH","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.1.5",
    what: "a directory",
    exitCode: 126,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"/bin\": permission denied","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.1.5",
    what: "a file that is no program",
    exitCode: 126,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"/bin/noexec\": permission denied","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.1.5",
    what: "a file in PATH that is no program",
    exitCode: 127,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"noexec\": executable file not found in $PATH","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.1.5",
    what: "a path through a file",
    exitCode: 126,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"/bin/sh/x\": stat /bin/sh/x: not a directory","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.1.5",
    what: "a link to itself",
    exitCode: 126,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"/bin/loop\": stat /bin/loop: too many levels of symbolic links","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.1.5",
    what: "a file in a directory that the user may not enter",
    exitCode: 126,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"/closed/x\": stat /closed/x: permission denied","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.1.5",
    what: "no name",
    exitCode: 127,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"\": executable file not found in $PATH","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.1.5",
    what: "a relative path that is not there",
    exitCode: 127,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"./nosuch\": stat ./nosuch: no such file or directory","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.1.5",
    what: "a working directory that is not there",
    exitCode: undefined,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: chdir to cwd (\"/nosuchdir\") set in config.json failed: no such file or directory","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.5.3",
    what: "a path that is not there",
    exitCode: 127,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"/nosuch\": stat /nosuch: no such file or directory","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.5.3",
    what: "a name that is not there",
    exitCode: 127,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"nosuch\": executable file not found in $PATH","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.5.3",
    what: "a directory",
    exitCode: 126,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"/bin\": is a directory","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.5.3",
    what: "a file that is no program",
    exitCode: 126,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"/bin/noexec\": permission denied","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.5.3",
    what: "a file in PATH that is no program",
    exitCode: 127,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"noexec\": executable file not found in $PATH","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.5.3",
    what: "a path through a file",
    exitCode: 126,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"/bin/sh/x\": stat /bin/sh/x: not a directory","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.5.3",
    what: "a link to itself",
    exitCode: 126,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"/bin/loop\": stat /bin/loop: too many levels of symbolic links","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.5.3",
    what: "a file in a directory that the user may not enter",
    exitCode: 126,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"/closed/x\": stat /closed/x: permission denied","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.5.3",
    what: "no name",
    exitCode: 127,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"\": executable file not found in $PATH","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.5.3",
    what: "a relative path that is not there",
    exitCode: 127,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: exec: \"./nosuch\": stat ./nosuch: no such file or directory","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "runc 1.5.3",
    what: "a working directory that is not there",
    exitCode: undefined,
    log: String.raw`{"level":"error","msg":"exec failed: unable to start container process: chdir to cwd (\"/nosuchdir\") set in config.json failed: no such file or directory","time":"2026-11-28T08:36:17Z"}
`,
  },
  {
    program: "crun 1.21",
    what: "a path with a name that no file can have",
    exitCode: 126,
    log: `{"msg":"cannot open ${"`"}/${"exec".repeat(80)}${"`"}: File name too long","level":"error","time":"2026-11-28T12:51:33Z"}
`,
  },
];
