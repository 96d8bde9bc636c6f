package main

import (
	"context"
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestTryProf(t *testing.T) {
	if os.Getenv("TRY_RUN") == "" {
		t.Skip()
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() {
		time.Sleep(time.Second)
		for range 4 {
			out, err := exec.Command(os.Getenv("TRY_RUN"), "server", "--url", "http://127.0.0.1:4779").CombinedOutput()
			if err != nil {
				t.Log(err, string(out[:min(len(out), 3000)]))
			}
		}
		cancel()
	}()
	run(ctx, []string{"serve", "--port", "4779", "--quiet"}, os.Environ(), os.Stdout, os.Stderr)
}
