package client

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/mockserver"
)

// trouble is one thing that goes wrong between a client and its server.
type trouble struct {
	name, title, law string
	fault            mockserver.Fault
	// retry is what Retry-After says.
	retry time.Duration
}

// hugeBody is larger than any answer of a login has a reason to be.
const hugeBody = 64 << 20

func troubleKinds() []trouble {
	page := "<!doctype html><html><head><title>Sign in to the network</title></head><body><p>Please sign in.</p></body></html>"
	plain := map[string]string{"Content-Type": "text/plain; charset=utf-8", "Retry-After": "1"}
	return []trouble{
		{name: "reset", title: "the connection is reset", law: "a connection may end at any time (RFC 9112 9.6)", fault: mockserver.Fault{Do: "reset"}},
		{name: "drop", title: "the answer is lost", law: "a connection may end at any time (RFC 9112 9.6)", fault: mockserver.Fault{Do: "drop"}},
		{name: "hang", title: "no answer comes", law: "a client has a timeout", fault: mockserver.Fault{Do: "hang", For: 2 * time.Minute}},
		{name: "truncate", title: "the answer ends in the middle", law: "an incomplete message is an error (RFC 9112 8)", fault: mockserver.Fault{Do: "truncate"}},
		{name: "unavailable", title: "the server answers 503 with Retry-After", law: "RFC 9110 15.6.4, 10.2.3", retry: time.Second, fault: mockserver.Fault{Do: "answer", Status: 503, Header: plain, Body: "Service Unavailable"}},
		{name: "too-many", title: "the server answers 429 with Retry-After", law: "RFC 6585 4", retry: time.Second, fault: mockserver.Fault{Do: "answer", Status: 429, Header: plain, Body: "Too Many Requests"}},
		{name: "long-retry", title: "the server answers 503 and wants another try in a day", law: "a client need not wait as long as it is told (RFC 9110 10.2.3)", fault: mockserver.Fault{Do: "answer", Status: 503, Header: map[string]string{"Content-Type": "text/plain; charset=utf-8", "Retry-After": "86400"}, Body: "Service Unavailable"}},
		{name: "redirect", title: "the server redirects to itself for ever", law: "a client detects cyclical redirects (RFC 9110 15.4)", fault: mockserver.Fault{Do: "redirect"}},
		{name: "html", title: "an HTML page comes with 200, as from a proxy", law: "the media type says what an answer is (RFC 9110 8.3)", fault: mockserver.Fault{Do: "answer", Status: 200, Header: map[string]string{"Content-Type": "text/html; charset=utf-8"}, Body: page}},
		{name: "huge", title: "an answer of 64 MiB comes", law: "a client bounds what it reads", fault: mockserver.Fault{Do: "huge", Size: hugeBody}},
	}
}

// troubles are the cases about trouble: an error in bounded time, no secret in
// it, and a session afterwards.
func (f *facts) troubles() []*scenario {
	var out []*scenario
	actions := []string{driver.Login, driver.Call}
	if len(f.renewals) > 0 && f.ends {
		actions = append(actions, driver.Renew)
	}
	for _, t := range troubleKinds() {
		for _, action := range actions {
			if action == driver.Renew && (t.name == "huge" || t.name == "long-retry" || t.name == "redirect") {
				continue
			}
			severity := conformance.Must
			if t.name == "huge" {
				severity = conformance.Should
			}
			needs := []string{driver.Login, driver.Call}
			if action == driver.Renew {
				needs = append(needs, driver.Renew)
			}
			out = append(out, &scenario{
				name: "trouble." + t.name + "." + action, title: t.title + " during " + doing(driver.Step{Do: action}) + ": an error in bounded time, and all is well afterwards",
				law: t.law, severity: severity, op: f.about(action), needs: needs, about: action, rehearsed: true,
				cause: []string{action + ": " + t.title, "then all is well again: " + action},
				run:   func(ctx context.Context, s *stage) { s.troubled(ctx, action, t) },
			})
		}
	}
	return out
}

// A client may try again, and follow redirects, within reason: as often as usual
// libraries do by default (urllib3 and requests: 5 retries, 30 redirects).
const (
	mostTries     = 6
	mostRedirects = 32
)

func (s *stage) troubled(ctx context.Context, action string, t trouble) {
	m := s.suite.manner
	op := m.ops[action]
	if op == "" {
		s.skip(doing(driver.Step{Do: action}) + " of the client was never seen")
		return
	}
	switch action {
	case driver.Call:
		if _, ok := s.login(ctx); !ok {
			return
		}
	case driver.Renew:
		if !s.old(ctx) {
			return
		}
	}
	fault := t.fault
	fault.Operation, fault.Times = op, -1
	tries := mostTries
	if t.name == "redirect" {
		fault.Location, tries = s.mock.URL()+"/", mostRedirects
	}
	id, ok := s.lay(fault)
	if !ok {
		return
	}
	step := driver.Step{Do: action}
	if action == driver.Renew && m.renews {
		step.Do = driver.Call
	}
	r, ok := s.step(ctx, step)
	if !ok {
		return
	}
	seen := s.seen(r.from)
	if s.fired(id) == 0 {
		s.untestable("the client did not send what was to go wrong; seen: " + lines(seen))
		return
	}
	struck := slices.DeleteFunc(slices.Clone(seen), func(o observed) bool { return o.Operation != op || o.Fault == "" })
	switch {
	case r.OK && t.name == "huge":
		s.add("client", "an error: the answer is "+plural(hugeBody>>20, "MiB")+" of nothing", "success")
	case r.OK:
		s.add("client", "an error: "+t.title, "success; seen: "+lines(seen))
	case r.Error == nil || strings.TrimSpace(r.Error.Message) == "":
		s.add("client, error", "a message that says what went wrong", "no message")
	}
	if len(struck) > tries {
		s.add("wire", "a few tries at most", fmt.Sprintf("%d: %s", len(struck), lines(struck)))
	}
	for i := 1; i < len(struck) && t.retry > 0; i++ {
		if gap := struck[i].Wall.Sub(struck[i-1].Wall); gap < t.retry*9/10 {
			s.should("wire", "no other try before "+t.retry.String()+" have passed, as Retry-After says", "one after "+gap.Round(time.Millisecond).String())
			break
		}
	}
	s.elsewhereSeen(s.add)
	s.world.ClearFaults()
	if len(s.v.mismatches) > 0 {
		return
	}
	s.afterTrouble(ctx, action, t, r)
}

// afterTrouble: when all is well again, so is the client; after a refresh whose
// token may be used up, at the latest when the user has logged in again.
func (s *stage) afterTrouble(ctx context.Context, action string, t trouble, r said) {
	if action == driver.Login {
		s.loginAgain(ctx, r)
		return
	}
	next, ok := s.step(ctx, driver.Step{Do: driver.Call})
	switch {
	case !ok:
	case next.OK:
		s.honest(next, s.seen(next.from))
	case action == driver.Call && t.retry > 0:
		s.add("client", "success of the next call: the server was busy, and the session lives", next.text()+"; seen: "+lines(s.seen(r.from)))
	case action == driver.Renew && t.retry > 0:
		s.should("client", "success of the next call: the server was busy, and the refresh token lives", next.text()+"; seen: "+lines(s.seen(r.from)))
	case action == driver.Call:
		s.should("client", "success of the next call: the session lives, and all is well again", next.text()+"; seen: "+lines(s.seen(r.from)))
	default:
		s.loginAgain(ctx, next)
	}
}
