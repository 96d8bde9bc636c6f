package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"net/url"
	"strings"

	"github.com/mockauth/mockauth/conformance"
)

// What every reader of JUnit's format takes: the elements and attributes that
// stand in the schemas of both Ant and Surefire, in the order of Ant's. A
// property of a test case is in neither, so the severity stands in the type of a
// failure, and the rule in its text.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Name     string       `xml:"name,attr"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Time     string       `xml:"time,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		ID         int             `xml:"id,attr"`
		Package    string          `xml:"package,attr"`
		Name       string          `xml:"name,attr"`
		Hostname   string          `xml:"hostname,attr"`
		Timestamp  string          `xml:"timestamp,attr"`
		Tests      int             `xml:"tests,attr"`
		Failures   int             `xml:"failures,attr"`
		Errors     int             `xml:"errors,attr"`
		Skipped    int             `xml:"skipped,attr"`
		Time       string          `xml:"time,attr"`
		Properties []junitProperty `xml:"properties>property"`
		Cases      []junitCase     `xml:"testcase"`
		Out        string          `xml:"system-out"`
		Err        string          `xml:"system-err"`

		seconds float64
	}
	junitProperty struct {
		Name  string `xml:"name,attr"`
		Value string `xml:"value,attr"`
	}
	junitCase struct {
		ClassName string       `xml:"classname,attr"`
		Name      string       `xml:"name,attr"`
		Time      string       `xml:"time,attr"`
		Failure   *junitResult `xml:"failure"`
		Error     *junitResult `xml:"error"`
		Skipped   *junitSkip   `xml:"skipped"`
	}
	junitResult struct {
		Type    string `xml:"type,attr"`
		Message string `xml:"message,attr"`
		Text    string `xml:",innerxml"` // escaped by junitText
	}
	junitSkip struct {
		Message string `xml:"message,attr"`
	}
)

// JUnit writes the result for the test tabs of CI systems: a suite for each
// operation, a test for each case. What fails the run is a failure, or an error
// if nothing was proved; what does not is passed or skipped.
func JUnit(w io.Writer, r *conformance.Result) error { return writeJUnit(w, legal(r)) }

func writeJUnit(w io.Writer, r *conformance.Result) error {
	all := junitSuites{Name: name(r), Time: junitTime(r.Seconds)}
	at := map[string]int{}
	for _, v := range r.Verdicts {
		i, ok := at[v.Operation]
		if !ok {
			i = len(all.Suites)
			at[v.Operation] = i
			all.Suites = append(all.Suites, junitSuite{Name: or(token(v.Operation), "others")})
		}
		all.Suites[i].add(junitVerdict(r, v), v.Seconds)
	}
	all.Suites = append(all.Suites, junitRun(r)...)
	for i := range all.Suites {
		s := &all.Suites[i]
		s.ID = i
		s.Package = or(token(r.System), "contract")
		s.Hostname = host(r.Target)
		s.Timestamp = r.Started.Format("2006-01-02T15:04:05")
		s.Time = junitTime(s.seconds)
		s.Properties = junitProperties(r)
		all.Tests += s.Tests
		all.Failures += s.Failures
		all.Errors += s.Errors
	}
	var b bytes.Buffer
	b.WriteString(xml.Header)
	e := xml.NewEncoder(&b)
	e.Indent("", "  ")
	if err := e.Encode(all); err != nil {
		return fmt.Errorf("the result cannot be written as JUnit XML: %w", err)
	}
	b.WriteString("\n")
	_, err := w.Write(b.Bytes())
	return err
}

func (s *junitSuite) add(c junitCase, seconds float64) {
	s.Cases = append(s.Cases, c)
	s.seconds += seconds
	s.Tests++
	switch {
	case c.Failure != nil:
		s.Failures++
	case c.Error != nil:
		s.Errors++
	case c.Skipped != nil:
		s.Skipped++
	}
}

func junitVerdict(r *conformance.Result, v conformance.Verdict) junitCase {
	c := junitCase{
		ClassName: strings.TrimSuffix(or(token(r.System), "contract")+"."+token(v.Operation), "."),
		Name:      or(token(v.ID), "unnamed"),
		Time:      junitTime(v.Seconds),
	}
	message := Line(v)
	switch v.Status {
	case conformance.Passed:
	case conformance.Failed:
		c.Failure = &junitResult{Type: weight(v).String(), Message: message, Text: junitText("\n" + text(v, r.Again) + "\n")}
	case conformance.Fixed:
		c.Failure = &junitResult{Type: string(v.Status), Message: message, Text: junitText("\n" + text(v, r.Again) + "\n")}
	case conformance.NotTestable, conformance.Interrupted:
		c.Error = &junitResult{Type: string(v.Status), Message: message, Text: junitText("\n" + text(v, r.Again) + "\n")}
	case conformance.Known:
		message = strings.TrimSpace(message + " " + expiry(r, v.Known))
		fallthrough
	default:
		c.Skipped = &junitSkip{Message: string(v.Status) + ": " + message}
	}
	return c
}

// junitRun is what fails a run and is no case: without it the tests would be
// green and the run red.
func junitRun(r *conformance.Result) []junitSuite {
	run, doctor := junitSuite{Name: "run"}, junitSuite{Name: "doctor"}
	class := or(token(r.System), "contract") + ".run"
	for _, s := range r.Stale {
		text := shown(s)
		run.add(junitCase{ClassName: class, Name: or(token("known failures: "+s), "known failures"), Time: junitTime(0), Failure: &junitResult{Type: "stale", Message: text, Text: junitText(text)}}, 0)
	}
	if r.Interrupted && r.Counts()[conformance.Interrupted] == 0 {
		text := "The run ended before all cases were carried out."
		run.add(junitCase{ClassName: class, Name: "interrupted", Time: junitTime(0), Error: &junitResult{Type: string(conformance.Interrupted), Message: text, Text: junitText(text)}}, 0)
	}
	for _, c := range r.Doctor {
		if !c.OK && r.Ran() == 0 { // it kept the run from beginning
			text := or(shown(c.Problem), shown(c.Said))
			doctor.add(junitCase{ClassName: class, Name: or(token(c.Name), "check"), Time: junitTime(0), Error: &junitResult{Type: "doctor", Message: text, Text: junitText(text)}}, 0)
		}
	}
	var suites []junitSuite
	for _, s := range []junitSuite{run, doctor} {
		if s.Tests > 0 {
			suites = append(suites, s)
		}
	}
	return suites
}

func junitProperties(r *conformance.Result) []junitProperty {
	var list []junitProperty
	for _, f := range facts(r) {
		list = append(list, junitProperty(f))
	}
	return list
}

// junitText is the text of an element. The encoder would write line breaks as
// &#xA;, and people read these files too.
func junitText(s string) string {
	var b bytes.Buffer
	_ = xml.EscapeText(&b, []byte(s)) // a buffer takes everything
	return strings.NewReplacer("&#xA;", "\n", "&#x9;", "\t").Replace(b.String())
}

// token is a text as xs:token has it: no line breaks, single spaces.
func token(s string) string { return strings.Join(strings.Fields(shown(s)), " ") }

func junitTime(seconds float64) string { return fmt.Sprintf("%.3f", seconds) }

// host is the host of an address, or the address.
func host(target string) string {
	if u, err := url.Parse(target); err == nil && u.Host != "" {
		return or(token(u.Host), "target")
	}
	return or(token(target), "target")
}
