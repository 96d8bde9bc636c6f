// Command load sends one request again and again over a few kept connections
// for a fixed time, and prints how many were answered in a second, and how
// long they took:
//
//	load -url http://127.0.0.1:4010/login -method POST -body '{}' -type application/json
//
// prints requests per second, the median and 99th percentile in microseconds,
// and how many requests were sent in all, the uncounted first ones included. It talks to loopback only. An answer that is not 2xx ends it
// with code 1: a fast refusal is no result.
package main

import (
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

type job struct {
	url, method, body string
	header            http.Header
	connections       int
	duration          time.Duration
	left              *atomic.Int64 // requests that are still to be sent; nil: as many as there is time for
}

func main() {
	j := job{header: http.Header{}}
	flag.StringVar(&j.url, "url", "", "where to; loopback only")
	flag.StringVar(&j.method, "method", http.MethodGet, "method")
	flag.StringVar(&j.body, "body", "", "body of the request")
	flag.IntVar(&j.connections, "connections", 8, "connections, each with one request at a time")
	flag.DurationVar(&j.duration, "duration", 3*time.Second, "how long, at most a minute")
	requests := flag.Int64("requests", 0, "so many requests and no more, without a warm-up; 0: as many as there is time for")
	warm := flag.Duration("warm", 500*time.Millisecond, "how long before that, not counted")
	flag.Func("header", "Name: value; may be given several times", func(s string) error {
		name, value, ok := strings.Cut(s, ":")
		if !ok {
			return fmt.Errorf("a header is Name: value, not %q", s)
		}
		j.header.Add(name, strings.TrimSpace(value))
		return nil
	})
	flag.Parse()
	if *requests > 0 {
		j.left = &atomic.Int64{}
		j.left.Store(*requests)
		j.duration, *warm = time.Minute, 0
	}
	if err := run(j, *warm); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		os.Exit(1)
	}
}

func run(j job, warm time.Duration) error {
	u, err := url.Parse(j.url)
	if err != nil {
		return err
	}
	if ip := net.ParseIP(u.Hostname()); ip == nil || !ip.IsLoopback() {
		return fmt.Errorf("%q is not a loopback address; load is for servers on this machine", u.Hostname())
	}
	if j.duration > time.Minute || j.connections < 1 || j.connections > 256 {
		return fmt.Errorf("at most a minute, and 1 to 256 connections")
	}
	first, err := j.send(warm)
	if err != nil {
		return err
	}
	took, err := j.send(j.duration)
	if err != nil {
		return err
	}
	slices.Sort(took)
	at := func(p float64) int64 { return took[int(p*float64(len(took)-1))].Microseconds() }
	fmt.Printf("%.0f %d %d %d\n", float64(len(took))/j.duration.Seconds(), at(0.5), at(0.99), len(first)+len(took))
	return nil
}

// send keeps every connection busy for d, and returns how long each request
// took.
func (j job) send(d time.Duration) ([]time.Duration, error) {
	client := &http.Client{
		Timeout:   10 * time.Second,
		Transport: &http.Transport{MaxIdleConnsPerHost: j.connections, MaxConnsPerHost: j.connections},
	}
	defer client.CloseIdleConnections()
	end := time.Now().Add(d)
	var mu sync.Mutex
	var all []time.Duration
	var failed error
	var wg sync.WaitGroup
	for range j.connections {
		wg.Go(func() {
			var mine []time.Duration
			var err error
			for err == nil && time.Now().Before(end) && (j.left == nil || j.left.Add(-1) >= 0) {
				start := time.Now()
				err = j.once(client)
				mine = append(mine, time.Since(start))
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, mine...)
			if failed == nil {
				failed = err
			}
		})
	}
	wg.Wait()
	return all, failed
}

func (j job) once(client *http.Client) error {
	var body io.Reader
	if j.body != "" {
		body = strings.NewReader(j.body)
	}
	r, err := http.NewRequest(j.method, j.url, body) //nolint:noctx // the client has a timeout
	if err != nil {
		return err
	}
	r.Header = j.header
	res, err := client.Do(r)
	if err != nil {
		return err
	}
	answer, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	if err != nil {
		return err
	}
	if res.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s\n%s", j.method, j.url, res.Status, answer)
	}
	return nil
}
