package conformance

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/mockauth/mockauth/specs"
)

// Severity is how much a demand weighs: what it rests on, in the words of RFC
// 2119. A documented fact is a MUST, an observed one a SHOULD, an inferred one a
// MAY.
type Severity int

// Severities, lightest first.
const (
	May Severity = iota
	Should
	Must
)

func (s Severity) String() string { return [...]string{"MAY", "SHOULD", "MUST"}[s] }

// SeverityOf is the severity of a fact with this evidence.
func SeverityOf(l specs.Level) Severity { return Severity(l) }

// MarshalText writes MUST, SHOULD or MAY.
func (s Severity) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText reads MUST, SHOULD or MAY.
func (s *Severity) UnmarshalText(b []byte) error {
	for _, x := range []Severity{May, Should, Must} {
		if strings.EqualFold(x.String(), string(b)) {
			*s = x
			return nil
		}
	}
	return fmt.Errorf("%q is no severity: MUST, SHOULD or MAY", b)
}

// Status is what came of a case.
type Status string

// The statuses. Counts.Failed says which of them fail a run.
const (
	// Passed: everything that was demanded was seen.
	Passed Status = "passed"
	// Failed: something that was demanded was not so, and weighs enough.
	Failed Status = "failed"
	// Differs: something was not so, but it is a MAY, or a SHOULD without strict.
	Differs Status = "differs"
	// NotTestable: a step before the one that is judged did not go as it must, or
	// no way to cause it is known. Verdict.Why says which. It fails the run.
	NotTestable Status = "not testable"
	// Excluded: the target's declared capabilities, budgets or filters leave it
	// out. It does not fail the run.
	Excluded Status = "excluded"
	// Known: it failed, and is listed among the known failures.
	Known Status = "known"
	// Fixed: it is listed among the known failures, and passed. It fails the run:
	// the list is stale.
	Fixed Status = "fixed"
	// Interrupted: the run ended before or while it ran.
	Interrupted Status = "interrupted"
)

// Statuses returns all statuses, in the order in which reports show them.
func Statuses() []Status {
	return []Status{Failed, NotTestable, Fixed, Interrupted, Known, Differs, Excluded, Passed}
}

// Info says what a case is, before it runs.
type Info struct {
	// ID is stable, unique and made of system, operation and outcome:
	// bookshop.logout.token.revoked.access.
	ID string `json:"id"`
	// Title is one sentence: what must happen when.
	Title string `json:"title"`
	// Operation is the operationId of the step that is judged; Method and Path
	// are its own.
	Operation string `json:"operation"`
	Method    string `json:"method"`
	Path      string `json:"path"`
	// Outcome is the answer or the reason that is due, as in the journal of a
	// mock: bearerMode, credentials.wrong.user.
	Outcome string `json:"outcome"`
	// Kind is what it is about: answer, failure, token, session, cookie, format, law.
	Kind string `json:"kind"`
	// Severity is that of the heaviest demand in it.
	Severity Severity `json:"severity"`
	Labels   []string `json:"labels,omitempty"`
	Rule     Rule     `json:"rule"`
	// Cause says how it is brought about, one step a line.
	Cause []string `json:"cause,omitempty"`
}

// Rule is where a demand stands in the contract, and what it rests on.
type Rule struct {
	Pointer  string   `json:"pointer"` // JSON pointer into the contract
	File     string   `json:"file,omitempty"`
	Line     int      `json:"line,omitempty"`
	Evidence string   `json:"evidence"`          // documented S1, inferred why
	Sources  []string `json:"sources,omitempty"` // the sources in full
}

// Verdict is a case and what came of it.
type Verdict struct {
	Info
	Status Status `json:"status"`
	// Why is one sentence for every status but passed and failed: which
	// prerequisite, which capability, which ticket.
	Why        string     `json:"why,omitempty"`
	Mismatches []Mismatch `json:"mismatches,omitempty"`
	// Exchanges are all requests and answers, the judged one last. Secrets are
	// masked. With Options.Brief, a case that passed has none.
	Exchanges []Exchange `json:"exchanges,omitempty"`
	Known     *KnownCase `json:"known,omitempty"`
	// Fault is why a request got no answer, where one got none.
	Fault Fault `json:"fault,omitempty"`
	// Seconds that it took.
	Seconds float64 `json:"seconds"`
}

// Mismatch is one difference between what is demanded and what came.
type Mismatch struct {
	// In is the part of the answer: status, header Content-Type, cookie sid,
	// body, token access.
	In string `json:"in"`
	// Pointer is the JSON pointer into the body, or "".
	Pointer  string   `json:"pointer,omitempty"`
	Wanted   string   `json:"wanted"`
	Got      string   `json:"got"`
	Severity Severity `json:"severity"`
	Rule     Rule     `json:"rule"`
}

// Exchange is one request and its answer.
type Exchange struct {
	// Purpose is what the step is for: "log in as jane.doe".
	Purpose   string  `json:"purpose"`
	Operation string  `json:"operation"`
	Wanted    string  `json:"wanted"` // outcome
	Request   Message `json:"request"`
	// Response is nil if none came; Error says why.
	Response *Message `json:"response,omitempty"`
	Error    string   `json:"error,omitempty"`
	// Curl repeats the request; secrets stand as shell variables.
	Curl    string  `json:"curl,omitempty"`
	Seconds float64 `json:"seconds"`
}

// Message is a request or an answer as it went over the wire, masked.
type Message struct {
	Method  string  `json:"method,omitempty"`
	URL     string  `json:"url,omitempty"`
	Status  int     `json:"status,omitempty"`
	Headers []Field `json:"headers,omitempty"`
	// Body is text; at most 16 KiB of it, and Cut says that there was more.
	Body string `json:"body,omitempty"`
	Cut  bool   `json:"cut,omitempty"`
}

// Field is one header field.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// KnownCase is one entry of a file of known failures.
type KnownCase struct {
	ID      string     `json:"id"                yaml:"id"`
	Reason  string     `json:"reason"            yaml:"reason"`
	Ticket  string     `json:"ticket,omitempty"  yaml:"ticket,omitempty"`
	Expires *time.Time `json:"expires,omitempty" yaml:"expires,omitempty"`
}

// Check is one check of the doctor.
type Check struct {
	Name string `json:"name"` // reachable, TLS, base path, clock, log in, media types, capabilities
	OK   bool   `json:"ok"`
	// Said is what was found: "38 ms", "+1.2 s".
	Said string `json:"said"`
	// Problem is one plain paragraph: what is wrong, and what would mend it.
	Problem string `json:"problem,omitempty"`
}

// OperationInfo is one operation of the contract, for the matrix of a report.
type OperationInfo struct {
	ID      string `json:"id"`
	Method  string `json:"method"`
	Path    string `json:"path"`
	Summary string `json:"summary,omitempty"`
}

// Used is what a run did to the target.
type Used struct {
	Requests       int `json:"requests"`
	WrongPasswords int `json:"wrongPasswords"`
	Sessions       int `json:"sessions"`
	Closed         int `json:"closed"`
	// Left are sessions that could not be closed; the ledger has them.
	Left int `json:"left"`
}

// Result is one run of a contract against a target.
type Result struct {
	Format  int    `json:"format"` // 1
	Version string `json:"version"`
	System  string `json:"system"`
	Title   string `json:"title"`
	// ContractVersion is info.version of the contract.
	ContractVersion string            `json:"contractVersion"`
	Profile         string            `json:"profile,omitempty"`
	Settings        map[string]string `json:"settings,omitempty"`
	Target          string            `json:"target"`
	Started         time.Time         `json:"started"`
	Seconds         float64           `json:"seconds"`
	Strict          bool              `json:"strict,omitempty"`
	Seed            int64             `json:"seed,omitempty"` // of the order
	Doctor          []Check           `json:"doctor,omitempty"`
	Operations      []OperationInfo   `json:"operations"`
	Verdicts        []Verdict         `json:"verdicts"`
	Used            Used              `json:"used"`
	// Stale are entries of the known failures that match no case, or have
	// expired, a sentence each.
	Stale       []string `json:"stale,omitempty"`
	Interrupted bool     `json:"interrupted,omitempty"`
	// GaveUp is why the cases after some were not tried, if so: the target stopped
	// answering.
	GaveUp string `json:"gaveUp,omitempty"`
	// Filter is what was asked for, in words, if not everything was.
	Filter string `json:"filter,omitempty"`
	// Again are the flags of conform that name the same target again, as a shell
	// reads them: --config staging.yaml. No secret is in them.
	Again string `json:"again,omitempty"`
}

// Counts is how many verdicts have each status.
type Counts map[Status]int

// Counts counts the verdicts.
func (r *Result) Counts() Counts {
	c := Counts{}
	for _, v := range r.Verdicts {
		c[v.Status]++
	}
	return c
}

// Conforms reports whether the target does what the contract demands.
func (r *Result) Conforms() bool {
	c := r.Counts()
	return c[Failed]+c[NotTestable]+c[Fixed]+c[Interrupted] == 0 && len(r.Stale) == 0 && !r.Interrupted
}

// Ran is the number of cases that were carried out.
func (r *Result) Ran() int {
	c := r.Counts()
	return len(r.Verdicts) - c[Excluded] - c[Interrupted]
}

// Decode reads a result that was written as JSON.
func Decode(b []byte) (*Result, error) {
	var r Result
	if err := json.Unmarshal(b, &r); err != nil {
		return nil, err
	}
	if r.Format != 1 {
		return nil, fmt.Errorf("the result has format %d; this version reads 1", r.Format)
	}
	return &r, nil
}
