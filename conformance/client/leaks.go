package client

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/mockauth/mockauth/conformance"
	"github.com/mockauth/mockauth/conformance/driver"
	"github.com/mockauth/mockauth/mockserver"
)

// leaks are the cases about secrets that get out. Every case looks for them; what
// is found elsewhere is told here, see findings.
func (f *facts) leaks() []*scenario {
	var out []*scenario
	for _, x := range []struct{ name, title, law string }{
		{"output", "no password and no token is written to stdout or stderr", "what a client prints is kept in logs that many may read"},
		{"errors", "no password and no token is in the text of an error", "errors end up in logs and on screens"},
		{"elsewhere", "no password and no token reaches another server", "credentials belong to one origin (RFC 9110 17.16.3)"},
	} {
		out = append(out, &scenario{
			name: "leaks." + x.name, title: x.title, law: x.law, severity: conformance.Must,
			op: f.login(), needs: []string{driver.Login}, rehearsed: true,
			cause: []string{"a login with a wrong password, a login, a call, an end of the token, trouble, a logout", "what every other case has found"},
			run:   func(ctx context.Context, s *stage) { s.hardDay(ctx) },
		})
	}
	return out
}

// hardDay is a session in which much goes wrong, so that a client has reasons to
// write logs.
func (s *stage) hardDay(ctx context.Context) {
	right := s.self
	s.wrong()
	if _, ok := s.step(ctx, driver.Step{Do: driver.Login}); !ok {
		return
	}
	s.self, s.fresh = right, true
	if !s.session(ctx) {
		return
	}
	if _, ok := s.step(ctx, driver.Step{Do: driver.Login}); !ok {
		return
	}
	m := s.suite.manner
	if s.expire(m) {
		if _, ok := s.step(ctx, driver.Step{Do: driver.Call}); !ok {
			return
		}
	}
	for _, do := range []string{"reset", "truncate", "answer"} {
		if m.ops[driver.Call] == "" {
			break
		}
		f := mockserver.Fault{Operation: m.ops[driver.Call], Do: do, Times: 2}
		if do == "answer" {
			f.Status, f.Body = 500, "Internal Server Error"
		}
		if _, ok := s.lay(f); !ok {
			return
		}
		if _, ok := s.step(ctx, driver.Step{Do: driver.Call}); !ok {
			return
		}
		s.world.ClearFaults()
	}
}

// everywhere looks for what no case may show: secrets in what the client wrote
// and said, at other servers and in places of requests that are not theirs, and
// requests that are none of the contract's. What is found is told in the case
// that is about it.
func (s *stage) everywhere() {
	secrets := conformance.NewMasker(s.known()...)
	for l := range strings.SplitSeq(s.output.String(), "\n") {
		if secrets.Text(l) != l {
			s.found("leaks.output", "output", "no password and no token", quoted(s.mask.Text(strings.TrimSpace(l))))
		}
	}
	for _, r := range s.results {
		for _, e := range append([]driver.StepResult{r.StepResult}, r.Each...) {
			if e.Error == nil {
				continue
			}
			if text := e.Error.Code + " " + e.Error.Message; secrets.Text(text) != text {
				s.found("leaks.errors", "error of "+doing(r.step), "no password and no token", quoted(s.mask.Text(e.Error.Message)))
			}
		}
	}
	s.elsewhereSeen(func(in, wanted, got string) { s.found("leaks.elsewhere", in, wanted, got) })
	s.placed(s.seen(0), func(severity conformance.Severity, in, wanted, got string) {
		s.suite.findings.add("wire.secrets", s.id, severity, in, wanted, s.mask.Text(got))
	})
}

// found notes what a law that holds everywhere has found.
func (s *stage) found(law, in, wanted, got string) {
	s.suite.findings.add(law, s.id, conformance.Must, in, wanted, s.mask.Text(got))
}

// findings are what laws have found in cases that are about something else.
type findings struct {
	mu  sync.Mutex
	all map[string][]located // by law
}

type located struct {
	id       string
	severity conformance.Severity

	in, wanted, got string
}

// mostFindings bounds what is kept of one law.
const mostFindings = 20

func (f *findings) add(law, id string, severity conformance.Severity, in, wanted, got string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all == nil {
		f.all = map[string][]located{}
	}
	for _, x := range f.all[law] {
		if x.in == in && x.wanted == wanted && (x.got == got || x.id == id) {
			return
		}
	}
	f.all[law] = append(f.all[law], located{id, severity, in, wanted, got})
}

// into puts what was found into the verdicts of the laws' own cases; where those
// were left out, into those in which it was found.
func (f *findings) into(r *conformance.Result, prefix string, strict bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	index := map[string]int{}
	for i, v := range r.Verdicts {
		index[v.ID] = i
	}
	for _, law := range sortedKeys(f.all) {
		list := f.all[law]
		slices.SortStableFunc(list, func(a, b located) int { return cmp.Or(cmp.Compare(a.id, b.id), cmp.Compare(a.in, b.in)) })
		for n, x := range list {
			if n == mostFindings {
				break
			}
			i, ok := index[prefix+law]
			if !ok {
				if i, ok = index[x.id]; !ok {
					continue
				}
			}
			v := &r.Verdicts[i]
			in := x.in
			if v.ID != x.id {
				in += ", seen in " + strings.TrimPrefix(x.id, prefix)
			}
			m := conformance.Mismatch{In: in, Wanted: x.wanted, Got: x.got, Severity: x.severity, Rule: v.Rule}
			if slices.ContainsFunc(v.Mismatches, func(o conformance.Mismatch) bool {
				return o.In == m.In && o.Got == m.Got || v.ID == x.id && o.In == x.in
			}) {
				continue
			}
			v.Mismatches = append(v.Mismatches, m)
			fails := x.severity == conformance.Must || x.severity == conformance.Should && strict
			switch {
			case v.Status == conformance.Known:
			case fails:
				v.Status, v.Why = conformance.Failed, ""
			case v.Status == conformance.Passed:
				v.Status, v.Why = conformance.Differs, "what differs is SHOULD: it fails a run that is strict"
			}
		}
	}
}
