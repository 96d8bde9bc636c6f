package main

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"
)

func TestTryProf(t *testing.T) {
	u := os.Getenv("TRY_URL")
	if u == "" {
		t.Skip()
	}
	out, _ := os.Create("/tmp/fast/prof-out.txt")
	start := time.Now()
	code := run(context.Background(), []string{"server", "--url", u}, os.Environ(), out, out)
	fmt.Println("code", code, time.Since(start))
}
