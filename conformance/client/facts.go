package client

import (
	"slices"
	"time"

	"github.com/mockauth/mockauth/fixtures"
	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// facts is what a contract says about sessions at large, for the choice of cases.
type facts struct {
	c *specs.Contract
	// logins open a session for someone who shows a secret, renewals give a token
	// for a token, logouts end something, calls need a session and do none of it.
	logins, renewals, logouts, calls []*specs.Operation
	// once: a token that renews is for single use. idle: some token dies unused,
	// ends: some token dies by time. cookies: some token is carried in one.
	once, idle, ends, cookies bool
}

// newFacts looks at the operations that there are under settings.
func newFacts(c *specs.Contract, settings map[string]any) *facts {
	f := &facts{c: c}
	m := &session.Machine{Contract: c, Settings: settings}
	offered := map[*specs.Operation]bool{}
	session.NewMemory(session.NewSeed(c, nil)).Update(func(tx session.Tx) {
		for _, op := range c.Operations {
			offered[op] = m.Offered(op, session.Moment{Tx: tx})
		}
	})
	for _, op := range c.Operations {
		if !offered[op] {
			continue
		}
		finds := finding(op)
		switch {
		case len(op.Opens) > 0 && len(secrets(op)) > 0:
			f.logins = append(f.logins, op)
		case len(op.Issues) > 0 && len(op.Opens) == 0 && len(finds) > 0: // it may end what it replaces
			f.renewals = append(f.renewals, op)
			for _, kind := range finds {
				f.once = f.once || c.Token(kind).Once
			}
		case len(op.Ends) > 0 && len(finds) > 0:
			f.logouts = append(f.logouts, op)
		case len(op.Security) > 0 && !op.Anonymous && len(op.Sets)+len(op.Creates)+len(op.Issues)+len(op.Opens) == 0:
			f.calls = append(f.calls, op)
		}
	}
	for _, t := range c.Tokens {
		f.idle = f.idle || t.Idle != nil
		f.ends = f.ends || t.Idle != nil || t.Lifetime != nil
	}
	for _, op := range c.Operations {
		for _, l := range op.Proves {
			f.cookies = f.cookies || l.In == specs.InCookie
		}
	}
	return f
}

// proofs are all proofs of an operation, also those within others.
func proofs(op *specs.Operation) []*specs.Proof {
	var out []*specs.Proof
	var walk func(list []*specs.Proof)
	walk = func(list []*specs.Proof) {
		for _, p := range list {
			out = append(out, p)
			walk(p.Also)
		}
	}
	for _, alt := range op.Security {
		walk(alt)
	}
	walk(op.Accepts)
	return out
}

// finding are the kinds of token that an operation takes.
func finding(op *specs.Operation) []string {
	var out []string
	for _, p := range proofs(op) {
		for _, b := range slices.Concat(p.Binds, p.May) {
			for _, t := range b.Alts {
				if t.Kind == specs.FindToken && !slices.Contains(out, t.Token) {
					out = append(out, t.Token)
				}
			}
		}
	}
	return out
}

// secrets are the secrets of records that an operation takes, one a kind.
func secrets(op *specs.Operation) []*specs.Target {
	var out []*specs.Target
	for _, p := range op.Accepts {
		for _, b := range slices.Concat(p.Binds, p.May) {
			for _, t := range b.Alts {
				if t.Kind == specs.FindRecord && t.Secret && !slices.ContainsFunc(out, func(o *specs.Target) bool { return o.Record == t.Record }) {
					out = append(out, t)
				}
			}
		}
	}
	return out
}

// candidate is a record that may log in.
type candidate struct {
	kind   string
	key    string
	fields map[string]any
	secret string // the field
}

// accounts are the records that a login takes, the likeliest first: of the kind
// of which there are most, for there are more users than keys, and in the order
// of the operations and of the world. only, a kind or kind/key, is who is wanted;
// "": anyone.
func (f *facts) accounts(w *fixtures.World, only string) []candidate {
	var out []candidate
	number := map[string]int{}
	for _, op := range f.logins {
		for _, t := range secrets(op) {
			for _, r := range w.Records {
				if text, ok := value.Text(r.Value[t.Field]); r.Kind != t.Record || !ok || text == "" {
					continue
				}
				key, _ := value.Text(r.Value[f.c.Record(r.Kind).Key])
				if only != "" && only != r.Kind && only != r.Kind+"/"+key ||
					slices.ContainsFunc(out, func(c candidate) bool { return c.kind == r.Kind && c.key == key }) {
					continue
				}
				number[r.Kind]++
				out = append(out, candidate{r.Kind, key, r.Value, t.Field})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b candidate) int { return number[b.kind] - number[a.kind] })
	return out
}

// mortal are settings under which tokens end that otherwise live for ever: those
// that have no value, and that a lifetime or an idle time hangs on.
func (f *facts) mortal(settings map[string]any) map[string]any {
	out := map[string]any{}
	set := func(e *specs.Expr, d time.Duration) {
		if e == nil {
			return
		}
		for _, name := range f.c.SettingsIn(e) {
			if x := f.c.Setting(name); x != nil && x.Type == "duration" && settings[name] == nil {
				out[name] = d
			}
		}
	}
	for _, t := range f.c.Tokens {
		set(t.Lifetime, time.Hour)
		set(t.Idle, 20*time.Minute)
	}
	return out
}
