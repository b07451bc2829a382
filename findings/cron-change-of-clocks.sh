#!/bin/sh
# croner and Kubernetes run the same cron line at different times when clocks change. If a time is skipped because
# clocks go forward, croner 11.0.1 runs it that day, later by the length of the gap or at its end; robfig/cron 3.0.1,
# which Kubernetes' CronJob controller uses, does not run it that day. If a time occurs twice because clocks go back,
# croner runs it once, robfig/cron twice. And croner rejects `5/15` (from 5 on, every 15), which Kubernetes accepts, but
# accepts `L` and the weekday 7, which Kubernetes rejects. A program that runs CronJobs with croner must handle changes
# of clocks itself.
# Needs npm's registry, Go's module proxy, Node and Go 1.22 or newer.
set -eu
work=$(mktemp -d)
trap 'chmod -R u+w "$work"; rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-fund --no-audit croner@11.0.1 >/dev/null
cat >times.mjs <<'JS'
import { Cron } from "croner";
function ask(line, timezone, from) {
  try {
    const cron = new Cron(line, { timezone, paused: true, mode: "5-part" });
    const times = [];
    for (let at = new Date(from); times.length < 2; times.push(at.toISOString().slice(5, 16))) at = cron.nextRun(at);
    console.log(line, timezone, times.join(" "));
  } catch {
    console.log(line, timezone, "refused");
  }
}
ask("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z");
ask("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z");
ask("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z");
ask("5/15 * * * *", "UTC", "2026-03-07T12:00:00Z");
ask("0 0 * * 7", "UTC", "2026-03-07T12:00:00Z");
ask("0 0 L * *", "UTC", "2026-03-07T12:00:00Z");
JS
node times.mjs >croner.txt
cat >go.mod <<'GO'
module finding
go 1.22
require github.com/robfig/cron/v3 v3.0.1
GO
cat >main.go <<'GO'
package main
import (
	"fmt"
	"time"
	_ "time/tzdata"
	"github.com/robfig/cron/v3"
)
func ask(line, zone, from string) {
	fmt.Print(line, " ", zone)
	schedule, err := cron.ParseStandard("TZ=" + zone + " " + line)
	if err != nil {
		fmt.Println(" refused")
		return
	}
	at, _ := time.Parse(time.RFC3339, from)
	for i := 0; i < 2; i++ {
		at = schedule.Next(at)
		fmt.Print(" ", at.UTC().Format("01-02T15:04"))
	}
	fmt.Println()
}
func main() {
	ask("30 2 * * *", "America/New_York", "2026-03-07T12:00:00Z")
	ask("15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z")
	ask("30 1 * * *", "America/New_York", "2026-10-31T12:00:00Z")
	ask("5/15 * * * *", "UTC", "2026-03-07T12:00:00Z")
	ask("0 0 * * 7", "UTC", "2026-03-07T12:00:00Z")
	ask("0 0 L * *", "UTC", "2026-03-07T12:00:00Z")
}
GO
export GOPATH="$work/go" GOFLAGS=-mod=mod
go run . >robfig.txt 2>go.log || { cat go.log; exit 1; }
cat >expected.txt <<'TXT'
croner 11.0.1
30 2 * * * America/New_York 03-08T07:00 03-09T06:30
15 2 * * * Australia/Lord_Howe 10-03T15:30 10-04T15:15
30 1 * * * America/New_York 11-01T05:30 11-02T06:30
5/15 * * * * UTC refused
0 0 * * 7 UTC 03-08T00:00 03-15T00:00
0 0 L * * UTC 03-31T00:00 04-30T00:00
robfig/cron 3.0.1
30 2 * * * America/New_York 03-09T06:30 03-10T06:30
15 2 * * * Australia/Lord_Howe 10-04T15:15 10-05T15:15
30 1 * * * America/New_York 11-01T05:30 11-01T06:30
5/15 * * * * UTC 03-07T12:05 03-07T12:20
0 0 * * 7 UTC refused
0 0 L * * UTC refused
TXT
{ echo "croner 11.0.1"; cat croner.txt; echo "robfig/cron 3.0.1"; cat robfig.txt; } >seen.txt
cat seen.txt
diff expected.txt seen.txt && echo "as stated: croner and Kubernetes' library differ where clocks change"
