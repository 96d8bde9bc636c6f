// The driver lets `conform client` use the broken client. Its flags say which bugs
// it has:
//
//	go run ./testdata/clients/broken/driver --break double-refresh
//	go run ./testdata/clients/broken/driver --list
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/testdata/clients/broken"
)

// longest is how long a client hangs that hangs. No runner waits as long.
const longest = 2 * time.Minute

func main() {
	names := flag.String("break", "", "names of `bugs`, divided by commas; none: the client is right")
	cookies := flag.Bool("cookies", false, "use cookie mode where the system has a choice")
	inJSON := flag.Bool("json", false, "speak JSON where the system has a choice")
	list := flag.Bool("list", false, "print the bugs, and end")
	flag.Parse()
	if *list {
		for _, b := range broken.Breaks() {
			fmt.Fprintf(os.Stdout, "%-32s %-24s %-42s %s\n", b.Name, b.Caught, strings.Join(b.Systems, " "), b.Does)
		}
		return
	}
	o := broken.Options{Cookies: *cookies, JSON: *inJSON, Log: func(line string) { fmt.Fprintln(os.Stderr, line) }}
	if *names != "" {
		o.Breaks = strings.Split(*names, ",")
	}
	if err := serve(o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// serve answers each line of stdin on stdout.
func serve(o broken.Options) error {
	in, out := bufio.NewReader(os.Stdin), json.NewEncoder(os.Stdout)
	var client *broken.Driver
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return nil //nolint:nilerr // the runner has closed it
		}
		var m struct {
			Cmd string `json:"cmd"`
			driver.Task
		}
		if err := json.Unmarshal(line, &m); err != nil {
			return err
		}
		switch m.Cmd {
		case "stop":
			return nil
		case "start":
			if client, err = broken.New(m.System, o); err != nil {
				return err
			}
			err = out.Encode(ready(client.About()))
		case "run":
			err = out.Encode(run(client, &m.Task))
		}
		if err != nil {
			return err
		}
	}
}

func ready(a driver.About) map[string]any {
	return map[string]any{
		"ready": true, "protocol": driver.Protocol, "does": a.Does, "systems": a.Systems,
		"client": map[string]string{"name": a.Name, "version": a.Version, "language": a.Language},
	}
}

func run(client *broken.Driver, t *driver.Task) map[string]any {
	if client == nil {
		return map[string]any{"seq": t.Seq, "errored": map[string]string{"message": "run came before start"}}
	}
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	r, err := client.Run(ctx, t)
	switch {
	case err != nil:
		return map[string]any{"seq": t.Seq, "errored": map[string]string{"message": err.Error()}}
	case r.Skipped != nil:
		return map[string]any{"seq": t.Seq, "skipped": r.Skipped}
	}
	return map[string]any{"seq": t.Seq, "steps": r.Steps}
}
