package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/suite"
)

// parallel runs one system in several processes: this binary again, with the
// same arguments and environment, and --worker. So nothing that the parent was
// told in its environment becomes visible in the list of processes.
func (a *app) parallel(ctx context.Context, p *planned, cfg suite.Config, f runFlags) (*conformance.Result, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("-p starts this program again, and it is not to be found: %w", err)
	}
	return suite.RunParallel(ctx, p.plan, cfg, f.processes, func(n int) *exec.Cmd {
		args := append([]string{a.args[0], fmt.Sprintf("--worker=%d/%d/%s", n, f.processes, p.argument)}, a.args[1:]...)
		cmd := exec.Command(self, args...) //nolint:gosec,noctx // itself; it is told to stop, and not killed, so that it cleans up
		cmd.Env = a.environ
		return cmd
	})
}

// work is one of the processes that parallel starts.
func (a *app) work(ctx context.Context, args []string, f runFlags, stdin io.Reader) error {
	// What goes wrong is for the parent to say.
	refuse := func(err error) error {
		if err := suite.Refuse(a.stdout, err); err != nil {
			return exit{exitUsage, err}
		}
		return nil
	}
	process, processes := 0, 0
	parts := strings.SplitN(f.worker, "/", 3)
	if len(parts) == 3 {
		process, _ = strconv.Atoi(parts[0])
		processes, _ = strconv.Atoi(parts[1])
	}
	if process < 1 || process > processes {
		return exit{exitUsage, errors.New("--worker is for conform itself; -p runs several processes")}
	}
	if parts[2] != "" {
		args = []string{parts[2]} // one of several
	}
	aims, err := a.aims(ctx, args, f.aimFlags, false)
	if err != nil {
		return refuse(err)
	}
	suite.Share(&aims[0].target.Budgets, process, processes)
	aims[0].target.TakeTurns(aims[0].contract, process)
	plan, err := aims[0].plan()
	if err != nil {
		return refuse(err)
	}
	// A known failure that passes is shown, and only the parent knows which.
	brief := f.brief() && f.known == "" && aims[0].file == nil
	options := conformance.Options{Strict: aims[0].strict(f), Brief: brief, Process: process, Processes: processes}
	path := f.ledger
	if path != "" {
		path += fmt.Sprintf(".%d", process)
	}
	if options.Ledger, err = a.openLedger(aims[0], path); err != nil {
		return refuse(err)
	}
	err = suite.Work(ctx, plan, suite.Config{Options: options, Filter: f.filter(), Seed: f.seed, FailFast: f.failFast}, stdin, a.stdout)
	if err = errors.Join(err, options.Ledger.Close()); err != nil {
		return exit{exitUsage, err}
	}
	return nil
}
