package conformance

import (
	"slices"
	"strings"
)

// sent is one exchange of a case as it went over the wire: it is only written, and
// masked, for who shows it.
type sent struct {
	root  string // where the request went to: scheme, host, and what names a world
	st    *step
	out   *outgoing
	reply *Reply // nil: none came
	err   string // why, masked
}

// exchanges writes what was sent and answered, with every secret masked that is
// known by now.
func (x *run) exchanges() []Exchange {
	var out []Exchange
	for _, s := range x.sent {
		ex := Exchange{Purpose: s.st.purpose, Operation: s.st.request.op.Op.ID, Wanted: s.st.outcome,
			Request: x.requestMessage(s.out), Error: s.err, Curl: x.curl(s)}
		if s.reply != nil {
			ex.Response, ex.Seconds = x.responseMessage(s.reply), s.reply.Took.Seconds()
		}
		out = append(out, ex)
	}
	return out
}

func (x *run) requestMessage(o *outgoing) Message {
	m := Message{Method: o.http.Method, URL: x.r.mask.Text(o.http.URL.String())}
	m.Headers = x.fields(o.http.Header)
	m.Body, m.Cut = x.r.mask.Cut(string(o.raw), maxShown)
	return m
}

func (x *run) responseMessage(r *Reply) *Message {
	m := &Message{Status: r.Status, Headers: x.fields(r.Header)}
	m.Body, m.Cut = x.r.mask.Cut(string(r.Body), maxShown)
	return m
}

// maxShown bounds the bytes of a body that reports show.
const maxShown = 16 << 10

func (x *run) fields(h map[string][]string) []Field {
	names := make([]string, 0, len(h))
	for n := range h {
		names = append(names, n)
	}
	slices.Sort(names)
	var out []Field
	for _, n := range names {
		for _, v := range h[n] {
			out = append(out, Field{n, x.r.mask.Text(v)})
		}
	}
	return out
}

// curl is the line that repeats a request; secrets are masked in it. A world in
// which it was sent is gone by then: it goes to the target itself.
func (x *run) curl(s sent) string {
	var b strings.Builder
	o, target := s.out, s.out.http.URL.String()
	if below, in := strings.CutPrefix(target, s.root); in {
		target = x.r.plan.seed.to.root + below
	}
	b.WriteString("curl -i -X " + o.http.Method + " " + quote(x.r.mask.Text(target)))
	for _, f := range x.fields(o.http.Header) {
		b.WriteString(" -H " + quote(f.Name+": "+f.Value))
	}
	if len(o.raw) > 0 {
		body, cut := x.r.mask.Cut(string(o.raw), 2000)
		if cut {
			body += "…"
		}
		b.WriteString(" --data-binary " + quote(body))
	}
	return b.String()
}

// quote makes a text one word of a POSIX shell.
func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
