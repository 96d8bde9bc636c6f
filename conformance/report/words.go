package report

import (
	"cmp"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/mockauth/mockauth/conformance"
)

// How much of a text stands where. A reader of a whole case wants the value,
// a reader of a list of cases wants the difference.
const (
	longValue  = 2000
	shortValue = 90
	manySteps  = 20
)

// Text is all that there is to say about one case in plain text: several lines,
// no newline at the end. Line is the first thing to say.
func Text(v conformance.Verdict) string { return text(v, "") }

// text is Text with the flags that name the target again.
func text(v conformance.Verdict, again string) string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("%s", title(v))
	line("%s %s", shown(v.ID), statusWords(v))
	if w := why(v); w != "" {
		line("%s", w)
	}
	for _, m := range v.Mismatches {
		line("  %s", sentence(m, longValue))
		if where := elsewhere(v, m); where != "" {
			line("    %s", where)
		}
	}
	line("Rule: %s", rule(v.Rule))
	if v.Rule.Pointer != "" {
		line("  %s", shown(v.Rule.Pointer))
	}
	for _, s := range v.Rule.Sources {
		line("  %s", shown(s))
	}
	if len(v.Cause) > 0 {
		line("How it is caused:")
		for i, s := range steps(v) {
			line("  %d. %s", i+1, s)
		}
	}
	if x := judged(v); x != nil {
		line("Last exchange: %s", exchange(*x))
		if x.Curl != "" {
			line("%s", block(x.Curl))
		}
	}
	line("Explain it: %s", explain(v, again))
	if command := replay(v, again); command != "" {
		line("Repeat it:  %s", command)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// Line is one case in one line, without its id: "status: wanted 401, got 200, and
// 2 more". It is never empty.
func Line(v conformance.Verdict) string {
	switch {
	case len(v.Mismatches) == 0:
		return or(why(v), title(v))
	case v.Status != conformance.Failed && v.Status != conformance.Differs:
		return why(v)
	}
	return brief(v.Mismatches)
}

// brief is the first of some mismatches, and how many more there are.
func brief(ms []conformance.Mismatch) string {
	if len(ms) == 0 {
		return "no mismatch was recorded"
	}
	s := sentence(ms[0], shortValue)
	if n := len(ms) - 1; n > 0 {
		s += fmt.Sprintf(", and %d more", n)
	}
	return s
}

// title says what must happen when.
func title(v conformance.Verdict) string { return or(shown(v.Title), shown(v.ID)) }

// request is method and path of the operation that is judged.
func request(i conformance.Info) string {
	return or(strings.TrimSpace(shown(i.Method)+" "+shown(i.Path)), shown(i.Operation))
}

// statusWords is what came of a case, and what it weighs: "failed, MUST".
func statusWords(v conformance.Verdict) string {
	switch v.Status {
	case conformance.Failed, conformance.Differs, conformance.Known:
		return string(v.Status) + ", " + weight(v).String()
	}
	return string(v.Status)
}

// weight is the severity of what was not so. The case as a whole may weigh more:
// its Severity is that of the heaviest demand, and that one may have been met.
func weight(v conformance.Verdict) conformance.Severity {
	if len(v.Mismatches) == 0 {
		return min(max(v.Severity, conformance.May), conformance.Must)
	}
	w := conformance.May
	for _, m := range v.Mismatches {
		w = max(w, m.Severity)
	}
	return min(w, conformance.Must)
}

// why is the sentence that explains a status other than passed and failed.
func why(v conformance.Verdict) string {
	said := shown(v.Why)
	switch v.Status {
	case conformance.Passed, conformance.Failed:
		return said
	case conformance.NotTestable:
		return or(said, "A step before the one that is judged did not go as it must.")
	case conformance.Interrupted:
		return or(said, "The run ended before it was done.")
	case conformance.Excluded:
		if OfClient(v) {
			return or(said, "The client has nothing of the kind.")
		}
		return or(said, "What the target is declared to be leaves it out.")
	case conformance.Fixed:
		return or(said, "It is listed among the known failures, and passed: take it off the list.")
	case conformance.Known:
		if said == "" && v.Known != nil {
			said = strings.TrimSpace(shown(v.Known.Reason) + " " + shown(v.Known.Ticket))
		}
		return or(said, "It is listed among the known failures.")
	case conformance.Differs:
		return or(said, "It weighs too little to fail the run.")
	}
	return said
}

// meaning explains a status to whoever reads a report for the first time.
func meaning(s conformance.Status) string {
	switch s {
	case conformance.Failed:
		return "Something that the contract demands was not so."
	case conformance.NotTestable:
		return "A step before the one that is judged did not go as it must, or nothing is known to cause it. It fails the run: nothing was proved."
	case conformance.Fixed:
		return "Listed as a known failure, but it passed. It fails the run until it is taken off the list."
	case conformance.Interrupted:
		return "The run ended before or while it ran."
	case conformance.Known:
		return "It failed, and is listed among the known failures. It does not fail the run."
	case conformance.Differs:
		return "Something was not so, but it is only recommended or inferred. It does not fail the run."
	case conformance.Excluded:
		return "The target's declared capabilities or budgets, or the filter, leave it out."
	case conformance.Passed:
		return "Everything that was demanded was seen."
	}
	return ""
}

// meaningFor is meaning, in the words of what the result is about.
func meaningFor(r *conformance.Result, s conformance.Status) string {
	if s == conformance.Excluded && aboutClient(r) {
		return "The client, or the contract under this profile, has nothing of the kind."
	}
	return meaning(s)
}

// symbol is a status without colour.
func symbol(s conformance.Status) string {
	switch s {
	case conformance.Failed:
		return "✗"
	case conformance.NotTestable:
		return "?"
	case conformance.Fixed:
		return "!"
	case conformance.Interrupted:
		return "■"
	case conformance.Known:
		return "≈"
	case conformance.Differs:
		return "~"
	case conformance.Excluded:
		return "–"
	case conformance.Passed:
		return "✓"
	}
	return "·"
}

// fails reports whether a case with this status fails the run, as Conforms has it.
func fails(s conformance.Status) bool {
	switch s {
	case conformance.Failed, conformance.NotTestable, conformance.Fixed, conformance.Interrupted:
		return true
	}
	return false
}

// place is the part of an answer that a mismatch is in: "body /user/id".
func place(m conformance.Mismatch) string {
	return or(strings.TrimSpace(shown(m.In)+" "+shown(m.Pointer)), "answer")
}

func wanted(m conformance.Mismatch) string { return or(shown(m.Wanted), "nothing") }

func got(m conformance.Mismatch) string { return or(shown(m.Got), "nothing") }

// sentence is one mismatch: "status: wanted 401, got 200". Values are cut to n
// characters.
func sentence(m conformance.Mismatch, n int) string {
	return fmt.Sprintf("%s: wanted %s, got %s", place(m), clip(wanted(m), n), clip(got(m), n))
}

// elsewhere says what a mismatch rests on if that is not the rule of its case, or
// weighs less than the case does.
func elsewhere(v conformance.Verdict, m conformance.Mismatch) string {
	var s []string
	if m.Severity != weight(v) {
		s = append(s, "only "+min(max(m.Severity, conformance.May), conformance.Must).String())
	}
	if r := m.Rule; r.Pointer+r.File != "" && (r.Pointer != v.Rule.Pointer || r.File != v.Rule.File || r.Line != v.Rule.Line) {
		s = append(s, "by "+rule(r))
	}
	return strings.Join(s, ", ")
}

// standsAt is where a rule stands: file and line if they are known.
func standsAt(r conformance.Rule) string {
	switch {
	case r.File != "" && r.Line > 0:
		return fmt.Sprintf("%s:%d", shown(r.File), r.Line)
	case r.File != "":
		return shown(r.File)
	}
	return or(shown(r.Pointer), "the contract")
}

// rule is where a rule stands and what it rests on, in one line.
func rule(r conformance.Rule) string {
	if r.Evidence == "" {
		return standsAt(r)
	}
	return standsAt(r) + ", " + shown(r.Evidence)
}

// steps are how a case is brought about, at most so many as a reader reads.
func steps(v conformance.Verdict) []string {
	var s []string
	for i, c := range v.Cause {
		if i == manySteps {
			return append(s, fmt.Sprintf("and %d more", len(v.Cause)-i))
		}
		s = append(s, shown(c))
	}
	return s
}

// judged is the exchange that the verdict is about, or nil.
func judged(v conformance.Verdict) *conformance.Exchange {
	if len(v.Exchanges) == 0 {
		return nil
	}
	return &v.Exchanges[len(v.Exchanges)-1]
}

// exchange is one exchange in one line: POST https://host/login, answered 200 in 12 ms.
func exchange(x conformance.Exchange) string {
	return strings.TrimSpace(shown(x.Request.Method)+" "+shown(x.Request.URL)) + ", " + answered(x)
}

// took is how long an exchange took; "": nobody measured it.
func took(x conformance.Exchange) string {
	if x.Seconds == 0 {
		return ""
	}
	return duration(x.Seconds)
}

func answered(x conformance.Exchange) string {
	if x.Response == nil {
		return "no answer: " + or(shown(x.Error), "nobody said why")
	}
	s := fmt.Sprintf("answered %d", x.Response.Status)
	if t := took(x); t != "" {
		s += " in " + t
	}
	if x.Error != "" {
		s += ", then " + shown(x.Error)
	}
	return s
}

// explain and replay are commands about a case; again are the flags that name
// the target.
func explain(v conformance.Verdict, again string) string {
	if strings.HasPrefix(again, "client ") {
		again = ""
	}
	return ofConform("explain", v, again)
}

// replay of a case about a client is the command that was run, for this case.
func replay(v conformance.Verdict, again string) string {
	if flags, command, ok := strings.Cut(again, " -- "); ok && strings.HasPrefix(again, "client ") {
		return "conform " + shown(flags) + " --focus " + quoted(shown(v.ID)) + " --verbose -- " + shown(command)
	}
	if OfClient(v) { // in a Go test: only whoever wrote it knows how it is run
		return ""
	}
	return ofConform("replay", v, again)
}

func ofConform(name string, v conformance.Verdict, again string) string {
	return strings.TrimSpace("conform " + name + " " + quoted(shown(v.ID)) + " " + shown(again))
}

// name is what the target was held to: "Bookshop 1.0".
func name(r *conformance.Result) string {
	return strings.TrimSpace(or(or(shown(r.Title), shown(r.System)), "the contract") + " " + shown(r.ContractVersion))
}

// tally counts the verdicts in the order of the statuses: 1 failed, 2 known.
func tally(r *conformance.Result) []string {
	counts := r.Counts()
	var s []string
	for _, status := range conformance.Statuses() {
		if n := counts[status]; n > 0 {
			s = append(s, grouped(n)+" "+string(status)+knownUntil(r, status))
		}
	}
	if n := len(r.Stale); n > 0 {
		s = append(s, plural(n, "stale entry", "stale entries")+" of known failures")
	}
	if len(s) == 0 {
		return []string{"no cases"}
	}
	return s
}

// manyReasons is how many reasons are said why cases were excluded.
const manyReasons = 8

// reason is why some cases were excluded, and how many.
type reason struct {
	Why string
	N   int
}

// reasons are why cases were excluded, the commonest first. What is not among the
// first few is counted together.
func reasons(r *conformance.Result) []reason {
	at := map[string]int{}
	var list []reason
	for _, v := range r.Verdicts {
		if v.Status != conformance.Excluded {
			continue
		}
		w := why(v)
		i, ok := at[w]
		if !ok {
			i = len(list)
			at[w] = i
			list = append(list, reason{Why: w})
		}
		list[i].N++
	}
	slices.SortStableFunc(list, func(a, b reason) int { return cmp.Compare(b.N, a.N) })
	if len(list) > manyReasons {
		rest := reason{Why: "for " + plural(len(list)-manyReasons+1, "other reason", "other reasons")}
		for _, x := range list[manyReasons-1:] {
			rest.N += x.N
		}
		list = append(list[:manyReasons-1], rest)
	}
	return list
}

// knownUntil says when the first of the known failures stops being excused.
func knownUntil(r *conformance.Result, s conformance.Status) string {
	if s != conformance.Known {
		return ""
	}
	var first *time.Time
	for _, v := range r.Verdicts {
		if v.Status == conformance.Known && v.Known != nil && v.Known.Expires != nil &&
			(first == nil || v.Known.Expires.Before(*first)) {
			first = v.Known.Expires
		}
	}
	if first == nil {
		return ""
	}
	return " (the first " + expires(r.Started, *first) + " " + days(r.Started, *first) + ")"
}

// expiry says until when a known failure is excused, or "".
func expiry(r *conformance.Result, k *conformance.KnownCase) string {
	if k == nil || k.Expires == nil {
		return ""
	}
	is := "is"
	if expires(r.Started, *k.Expires) == "expired" {
		is = "was"
	}
	return fmt.Sprintf("It %s excused until %s (%s).", is, k.Expires.UTC().Format(time.DateOnly), days(r.Started, *k.Expires))
}

// expires is the verb for a last day, as seen from another day.
func expires(from, last time.Time) string {
	if strings.HasSuffix(days(from, last), "ago") {
		return "expired"
	}
	return "expires"
}

// days is how far one day lies from another.
func days(from, to time.Time) string {
	n := int(to.UTC().Truncate(24*time.Hour).Sub(from.UTC().Truncate(24*time.Hour)) / (24 * time.Hour))
	switch {
	case n == 0:
		return "today"
	case n == 1:
		return "tomorrow"
	case n < 0:
		return plural(-n, "day", "days") + " ago"
	}
	return "in " + plural(n, "day", "days")
}

// covered says how many operations of the contract a case ran for.
func covered(r *conformance.Result) string {
	if len(r.Operations) == 0 || aboutClient(r) { // which operations a client uses is its own affair
		return ""
	}
	ran := map[string]bool{}
	for _, v := range r.Verdicts {
		if v.Status != conformance.Excluded && v.Status != conformance.Interrupted {
			ran[v.Operation] = true
		}
	}
	n := 0
	for _, o := range r.Operations {
		if ran[o.ID] {
			n++
		}
	}
	return fmt.Sprintf("%s of %s checked", grouped(n), plural(len(r.Operations), "operation", "operations"))
}

// done says what a run did to its target, or what was seen of a client.
func done(r *conformance.Result) string {
	if aboutClient(r) {
		return plural(r.Used.Requests, "request", "requests") + " seen, " + plural(r.Used.Sessions, "session", "sessions") + " opened"
	}
	return used(r.Used)
}

// used says what was done to the target.
func used(u conformance.Used) string {
	s := plural(u.Requests, "request", "requests") + ", " +
		plural(u.WrongPasswords, "wrong password", "wrong passwords") + ", " +
		plural(u.Sessions, "session", "sessions") + " opened, " + grouped(u.Closed) + " closed"
	if n := u.Sessions - u.Closed - u.Left; n > 0 {
		s += ", " + grouped(n) + " run out by themselves"
	}
	if u.Left > 0 {
		s += ", " + grouped(u.Left) + " left open: conform cleanup closes them"
	}
	return s
}

// duration is a time in the unit that suits it.
func duration(seconds float64) string {
	switch {
	case math.IsNaN(seconds) || seconds <= 0:
		return "0 ms"
	case seconds < 0.0995:
		return fmt.Sprintf("%.2g ms", seconds*1000)
	case seconds < 0.9995:
		return fmt.Sprintf("%.0f ms", seconds*1000)
	case seconds < 99.95:
		return fmt.Sprintf("%.1f s", seconds)
	case seconds < 6000:
		return fmt.Sprintf("%d min %02d s", int(seconds)/60, int(seconds)%60)
	}
	return fmt.Sprintf("%.1f h", seconds/3600)
}

// address finds the first web address in the text of a source.
var address = regexp.MustCompile(`https?://[^\s"'<>\x60{}|\\^]+`)

// link is the web address in the text of a source, or "". Punctuation that ends
// the sentence around it is no part of it.
func link(source string) string { return strings.TrimRight(address.FindString(source), ".,;:!?)") }

// same are failing cases that say the very same.
type same struct {
	Verdicts []conformance.Verdict
}

// Others is how many cases there are beside the first.
func (s same) Others() int { return len(s.Verdicts) - 1 }

// sames puts those together that say the very same, the plainest of them first,
// in the order in which they are to be read: what failed first, the heaviest of it first, then what is wrong
// in most cases, then as in the contract.
func sames(r *conformance.Result) []same {
	var list []same
	at := map[string]int{}
	for _, v := range r.Verdicts {
		if !fails(v.Status) {
			continue
		}
		key := likeness(v)
		i, ok := at[key]
		if !ok {
			i = len(list)
			at[key] = i
			list = append(list, same{})
		}
		list[i].Verdicts = append(list[i].Verdicts, v)
	}
	for _, x := range list {
		plainestFirst(x.Verdicts)
	}
	order := conformance.Statuses()
	slices.SortStableFunc(list, func(a, b same) int {
		x, y := a.Verdicts[0], b.Verdicts[0]
		return cmp.Or(
			cmp.Compare(slices.Index(order, x.Status), slices.Index(order, y.Status)),
			cmp.Compare(weight(y), weight(x)),
			cmp.Compare(len(b.Verdicts), len(a.Verdicts)))
	})
	return list
}

// likeness is equal for cases that say the very same.
func likeness(v conformance.Verdict) string {
	s := []string{string(v.Status)}
	if v.Status == conformance.Fixed {
		s = append(s, v.ID) // each has an entry of its own to be taken off
	}
	if len(v.Mismatches) == 0 {
		s = append(s, v.Why)
	}
	for _, m := range v.Mismatches {
		s = append(s, mismatchLikeness(m))
	}
	return fmt.Sprintf("%q", s)
}

// mismatchLikeness is equal for mismatches that say the very same.
func mismatchLikeness(m conformance.Mismatch) string {
	return fmt.Sprintf("%q", []string{m.In, m.Pointer, timeless(m.Wanted), timeless(m.Got), m.Severity.String()})
}

// times finds what is another at each run, and in each case: times, and the
// numbers that they are in tokens.
var times = regexp.MustCompile(`\d{4}-\d\d-\d\d[T ][\d:.]+|\b\d{9,}\b`)

// timeless is a value without the times in it, to see that two say the same.
func timeless(s string) string { return times.ReplaceAllString(s, "#") }

// inOthers says in how many other cases it is the same.
func inOthers(n int) string { return "the same in " + plural(n, "other case", "other cases") }

// commonMismatches is how many mismatches are named that cases have in common.
const commonMismatches = 10

// shared is one mismatch that several failing cases have.
type shared struct {
	Text  string
	N     int
	First conformance.Verdict
}

// commonest are the mismatches, or reasons, that most of the failing cases have
// in common: who has 300 failures has a few causes.
func commonest(r *conformance.Result) []shared {
	var list []shared
	at := map[string]int{}
	for _, x := range sames(r) {
		for _, v := range x.Verdicts {
			texts := []string{}
			for _, m := range v.Mismatches {
				texts = append(texts, sentence(m, shortValue))
			}
			if len(texts) == 0 {
				texts = append(texts, Line(v))
			}
			slices.Sort(texts)
			for _, text := range slices.Compact(texts) {
				key := timeless(text)
				i, ok := at[key]
				if !ok {
					i = len(list)
					at[key] = i
					list = append(list, shared{Text: text, First: v})
				}
				list[i].N++
			}
		}
	}
	list = slices.DeleteFunc(list, func(s shared) bool { return s.N < 2 })
	slices.SortStableFunc(list, func(a, b shared) int { return cmp.Compare(b.N, a.N) })
	return list[:min(len(list), commonMismatches)]
}
