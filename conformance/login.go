package conformance

import (
	"fmt"
	"net/http"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/internal/value"
	"github.com/mockauth/mockauth/specs"
)

// LogIns are the shortest cases that show whether the accounts of the target are
// right: each is sent by one of them, as far as there is a case that opens a session
// with it, needs no time and sends no wrong secret.
func (p *Plan) LogIns() []*Case {
	var cases []*Case
	for _, c := range p.Cases {
		if c.Excluded == "" && c.Unplanned == "" && c.Wrong == 0 && c.Sessions > 0 && c.Wait == 0 {
			cases = append(cases, c)
		}
	}
	slices.SortStableFunc(cases, func(a, b *Case) int { return a.Requests - b.Requests })
	var out []*Case
	seen := map[string]bool{}
	accounts := accountsOf(p.Contract, p.Target)
	for i, c := range cases {
		fresh := i == 0
		for _, a := range accounts {
			if !seen[a.name] && slices.ContainsFunc(c.steps, func(st *step) bool { return st.success && a.in(st.request) }) {
				seen[a.name], fresh = true, true
			}
		}
		if fresh {
			out = append(out, c)
		}
	}
	return out
}

// account is one of the target's, by what it proves itself with.
type account struct {
	name    string
	secrets []string
	others  []string // texts that are no secret
	sole    bool     // nobody else has its secrets
}

func accountsOf(c *specs.Contract, t *Target) []account {
	var out []account
	owners := map[string]int{}
	for _, k := range c.Records {
		for i, r := range t.Records[k.Name] {
			a := account{name: fmt.Sprintf("%s %d", k.Name, i+1)}
			for name, v := range r {
				if k.Fields[name].Secret {
					a.secrets = append(a.secrets, texts(v)...)
				} else {
					a.others = append(a.others, texts(v)...)
				}
			}
			for _, s := range a.secrets {
				owners[s]++
			}
			if len(a.secrets) > 0 {
				out = append(out, a)
			}
		}
	}
	for i := range out {
		out[i].sole = !slices.ContainsFunc(out[i].secrets, func(s string) bool { return owners[s] > 1 })
	}
	return out
}

// in reports whether a request carries a secret of the account, and, if others have
// the same, who it is.
func (a account) in(r *request) bool {
	secret, other := false, a.sole
	r.leaves(func(v any) {
		if t, ok := value.Text(v); ok {
			secret = secret || slices.Contains(a.secrets, t)
			other = other || slices.Contains(a.others, t)
		}
	})
	return secret && other
}

// leaves calls f with every value that a request sends.
func (r *request) leaves(f func(v any)) {
	var each func(v any)
	each = func(v any) {
		switch v := v.(type) {
		case value.Object:
			for _, m := range v {
				each(m.Value)
			}
		case []any:
			for _, x := range v {
				each(x)
			}
		case *slot, nil:
		default:
			f(v)
		}
	}
	for _, list := range [][]named{r.path, r.query, r.header, r.cookie} {
		for _, n := range list {
			each(n.value)
		}
	}
	each(r.bearer)
	if r.basic != nil {
		each(r.basic.user)
		each(r.basic.pass)
	}
	each(r.body)
}

// presents reports whether a request carries a secret of an account.
func (r *Runner) presents(q *request) bool {
	return slices.ContainsFunc(r.accounts, func(a account) bool { return a.in(q) })
}

// refusedBefore says that a request with the right secrets was refused in an earlier
// case; "": it was not. It is not sent again: who is refused a third time may be
// locked. In a world of a mock nobody is.
func (x *run) refusedBefore(st *step) string {
	if x.world != nil || !st.success {
		return ""
	}
	if by, known := x.r.refused[st.request.says()]; known {
		return fmt.Sprintf("%s was refused in the case %s, though the account is right as far as is told; it is not sent again, so that no account is locked", st.called(), by)
	}
	return ""
}

// noteRefusal remembers a request with the right secrets that was refused. It counts
// as a wrong password: the server may have taken it for one. opens: it was to open a
// session, and nothing else is known that it may have been refused for.
func (x *run) noteRefusal(st *step, status int, opens bool) {
	wrong := status == http.StatusUnauthorized
	if opens {
		wrong = wrong || status <= http.StatusBadRequest || status == http.StatusForbidden
	}
	if x.world != nil || !wrong || !x.r.presents(st.request) {
		return
	}
	if x.r.refused == nil {
		x.r.refused = map[string]string{}
	}
	key := st.request.says()
	if x.r.refused[key] == "" {
		x.r.refused[key] = strings.TrimPrefix(x.c.ID, x.r.plan.Contract.Name+".")
	}
	x.r.used.WrongPasswords++
}
