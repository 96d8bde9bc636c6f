package report

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"golang.org/x/net/html"

	"github.com/mockauth/mockauth/conformance"
)

func resultsSchema(t tester) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(ResultSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("https://example.org/results.json", doc); err != nil {
		t.Fatal(err)
	}
	s, err := c.Compile("https://example.org/results.json")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func checkJSON(t tester, s *jsonschema.Schema, b []byte) {
	t.Helper()
	v, err := jsonschema.UnmarshalJSON(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Validate(v); err != nil {
		t.Error(err)
	}
}

func TestResultsAreAsTheirSchema(t *testing.T) {
	s := resultsSchema(t)
	for _, r := range []*conformance.Result{sample(), good(12), head(), bad(30, 60), {}, nil} {
		b := write(t, JSON, r)
		checkJSON(t, s, b)
		if !bytes.HasSuffix(b, []byte("}\n")) {
			t.Error("there is no newline at the end")
		}
	}
	v, err := jsonschema.UnmarshalJSON(strings.NewReader(`{"format": 1, "colour": "red"}`))
	if err != nil {
		t.Fatal(err)
	}
	if s.Validate(v) == nil {
		t.Error("the schema takes anything")
	}
}

func TestResultsAreReadBack(t *testing.T) {
	got, err := conformance.Decode(write(t, JSON, sample()))
	if err != nil {
		t.Fatal(err)
	}
	if want := legal(sample()); !reflect.DeepEqual(got, want) {
		t.Errorf("read back it is %+v, want %+v", got, want)
	}
}

// Every field of Result, and of what it holds, stands in the schema by its name,
// as required if it is always written, and nothing else does.
func TestTheSchemaHasEveryField(t *testing.T) {
	var root map[string]any
	if err := json.Unmarshal(ResultSchema(), &root); err != nil {
		t.Fatal(err)
	}
	defs := root["$defs"].(map[string]any)
	var compare func(typ reflect.Type, schema map[string]any, where string)
	compare = func(typ reflect.Type, schema map[string]any, where string) {
		if ref, ok := schema["$ref"].(string); ok {
			schema = defs[strings.TrimPrefix(ref, "#/$defs/")].(map[string]any)
		}
		for typ.Kind() == reflect.Pointer {
			typ = typ.Elem()
		}
		switch {
		case typ.Kind() == reflect.Slice:
			compare(typ.Elem(), schema["items"].(map[string]any), where+"[]")
			return
		case typ.Kind() != reflect.Struct || typ.PkgPath() == "time":
			return
		}
		if schema["additionalProperties"] != false {
			t.Errorf("%s may have other members", where)
		}
		required := map[string]bool{}
		list, _ := schema["required"].([]any)
		for _, name := range list {
			required[name.(string)] = true
		}
		properties := schema["properties"].(map[string]any)
		seen := map[string]bool{}
		var fields func(typ reflect.Type)
		fields = func(typ reflect.Type) {
			for i := range typ.NumField() {
				f := typ.Field(i)
				if f.Anonymous {
					fields(f.Type)
					continue
				}
				name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
				seen[name] = true
				at := where + "." + name
				p, ok := properties[name].(map[string]any)
				if !ok {
					t.Errorf("the schema lacks %s", at)
					continue
				}
				if optional := strings.Contains(options, "omitempty"); required[name] == optional {
					t.Errorf("%s: required is %v, and omitempty %v", at, required[name], optional)
				}
				compare(f.Type, p, at)
			}
		}
		fields(typ)
		for name := range properties {
			if !seen[name] {
				t.Errorf("the schema has %s.%s, and the result has not", where, name)
			}
		}
	}
	compare(reflect.TypeFor[conformance.Result](), root, "result")
	verdict := defs["verdict"].(map[string]any)["properties"].(map[string]any)
	statuses := verdict["status"].(map[string]any)["enum"].([]any)
	if len(statuses) != len(conformance.Statuses()) {
		t.Errorf("the schema has the statuses %v", statuses)
	}
	for _, s := range conformance.Statuses() {
		if !bytes.Contains(ResultSchema(), fmt.Appendf(nil, "%q", s)) {
			t.Errorf("the schema lacks the status %s", s)
		}
	}
}

// junitTotals reads JUnit XML strictly, and adds up what stands in it.
func junitTotals(t tester, b []byte) (tests, failures, errs, skipped int) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(b))
	number := func(e xml.StartElement, name string) int {
		n := 0
		for _, a := range e.Attr {
			if a.Name.Local == name {
				if _, err := fmt.Sscan(a.Value, &n); err != nil {
					t.Error(err)
				}
			}
		}
		return n
	}
	var all, suite [4]int
	var saidAll, saidSuite [4]int
	names := []string{"tests", "failures", "errors", "skipped"}
	count := map[string]int{"testcase": 0, "failure": 1, "error": 2, "skipped": 3}
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, b)
		}
		switch e := token.(type) {
		case xml.StartElement:
			switch e.Name.Local {
			case "testsuites":
				for i, n := range names[:3] {
					saidAll[i] = number(e, n)
				}
			case "testsuite":
				suite = [4]int{}
				for i, n := range names {
					saidSuite[i] = number(e, n)
				}
			}
			if i, ok := count[e.Name.Local]; ok {
				suite[i]++
				all[i]++
			}
		case xml.EndElement:
			if e.Name.Local == "testsuite" && suite != saidSuite {
				t.Errorf("a suite says %v and has %v", saidSuite, suite)
			}
		}
	}
	if [3]int(all[:3]) != [3]int(saidAll[:3]) {
		t.Errorf("the file says %v and has %v", saidAll, all)
	}
	return all[0], all[1], all[2], all[3]
}

func TestJUnitCountsAddUp(t *testing.T) {
	for _, c := range []struct {
		name                           string
		r                              *conformance.Result
		tests, failures, errs, skipped int
	}{
		// 13 cases; two stale entries are tests too.
		{"sample", sample(), 15, 6, 2, 3},
		{"good", good(12), 12, 0, 0, 0},
		{"nothing", head(), 0, 0, 0, 0},
		{"bad", bad(300, 1500), 1500, 272, 28, 0},
	} {
		tests, failures, errs, skipped := junitTotals(t, write(t, JUnit, c.r))
		if got, want := []int{tests, failures, errs, skipped}, []int{c.tests, c.failures, c.errs, c.skipped}; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: tests, failures, errors, skipped are %v, want %v", c.name, got, want)
		}
	}
}

// A CI server that reads JUnit only must be red whenever the run is.
func TestJUnitIsRedWheneverTheRunIs(t *testing.T) {
	for name, change := range map[string]func(r *conformance.Result){
		"as it is":    func(*conformance.Result) {},
		"stale":       func(r *conformance.Result) { r.Stale = []string{"x matches no case"} },
		"interrupted": func(r *conformance.Result) { r.Interrupted = true },
		"fixed":       func(r *conformance.Result) { r.Verdicts[3].Status = conformance.Fixed },
		"untestable":  func(r *conformance.Result) { r.Verdicts[3].Status = conformance.NotTestable },
		"known":       func(r *conformance.Result) { r.Verdicts[3].Status = conformance.Known },
		"differs":     func(r *conformance.Result) { r.Verdicts[3].Status = conformance.Differs },
		"excluded":    func(r *conformance.Result) { r.Verdicts[3].Status = conformance.Excluded },
	} {
		r := good(12)
		change(r)
		_, failures, errs, _ := junitTotals(t, write(t, JUnit, r))
		if green := failures+errs == 0; green != r.Conforms() {
			t.Errorf("%s: green is %v, and conforms %v", name, green, r.Conforms())
		}
	}
}

type sarifFileRead struct {
	Version string
	Runs    []struct {
		Tool struct {
			Driver struct {
				Rules []struct{ ID, HelpURI string }
			}
		}
		Results []struct {
			RuleID    string
			RuleIndex int
			Level     string
			Message   struct{ Text string }
			Locations []struct {
				PhysicalLocation struct {
					ArtifactLocation struct{ URI, URIBaseID string }
					Region           struct{ StartLine int }
				}
			}
			PartialFingerprints map[string]string
			Suppressions        []struct{ Kind string }
		}
	}
}

func TestSARIFPointsAtTheLineOfTheContract(t *testing.T) {
	var log sarifFileRead
	if err := json.Unmarshal(write(t, SARIF, sample()), &log); err != nil {
		t.Fatal(err)
	}
	run := log.Runs[0]
	if log.Version != "2.1.0" || len(run.Results) != 7 {
		t.Fatalf("version %s, %d results", log.Version, len(run.Results))
	}
	levels := map[string]string{}
	for _, x := range run.Results {
		rule := run.Tool.Driver.Rules[x.RuleIndex]
		if rule.ID != x.RuleID || len(x.PartialFingerprints) == 0 || x.Message.Text == "" {
			t.Errorf("%+v is no whole result", x)
		}
		levels[x.RuleID] = x.Level
		if (len(x.Suppressions) > 0) != (x.RuleID == "shop.logout.token.missing") {
			t.Errorf("%s: suppressions %v", x.RuleID, x.Suppressions)
		}
	}
	first := run.Results[0]
	if p := first.Locations[0].PhysicalLocation; p.ArtifactLocation.URI != "specs/shop/openapi.yaml" || p.Region.StartLine != 233 {
		t.Errorf("the place is %+v", p)
	}
	if rule := run.Tool.Driver.Rules[0]; rule.HelpURI != "https://docs.shop.example/guide/logout?v=4#after" {
		t.Errorf("help is at %q", rule.HelpURI)
	}
	for id, level := range map[string]string{
		"shop.getSelf.token.revoked.access":  "error",
		"shop.refresh.token.reused.refresh":  "error", // a SHOULD that fails the run: strict
		"shop.refresh.token.expired.refresh": "error",
		"shop.changePassword.changed":        "warning",
	} {
		if levels[id] != level {
			t.Errorf("the level of %s is %q, want %q", id, levels[id], level)
		}
	}
}

func TestSARIFNamesFilesAsURIs(t *testing.T) {
	for file, want := range map[string]string{
		"specs/a b%.yaml":     "specs/a%20b%25.yaml %SRCROOT%",
		"./x.yaml":            "x.yaml %SRCROOT%",
		"/srv/shop/ä.yaml":    "file:///srv/shop/%C3%A4.yaml ",
		`C:\shop\x.yaml`:      "file:///C:/shop/x.yaml ",
		`shop\x.yaml`:         "shop/x.yaml %SRCROOT%",
		"javascript:alert(1)": "./javascript:alert%281%29 %SRCROOT%",
	} {
		a := sarifFile(file)
		if got := a.URI + " " + a.Base; strings.ReplaceAll(strings.ReplaceAll(got, "(", "%28"), ")", "%29") != want {
			t.Errorf("%s is %q, want %q", file, got, want)
		}
	}
}

var (
	command  = regexp.MustCompile(`^::(error|warning|notice) ([^:]*)::(.*)$`)
	property = regexp.MustCompile(`^(file|line|title)=[^:,\r\n]*$`)
)

func TestGitHubCommandsAreEscaped(t *testing.T) {
	for _, r := range []*conformance.Result{sample(), bad(300, 1500)} {
		counts := map[string]int{}
		for line := range strings.Lines(string(write(t, GitHub, r))) {
			m := command.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
			if m == nil {
				t.Fatalf("%q is no command", line)
			}
			counts[m[1]]++
			for _, p := range strings.Split(m[2], ",") {
				if !property.MatchString(p) {
					t.Errorf("%q is no property", p)
				}
			}
			if strings.ContainsAny(m[3], "\r\n") || strings.Contains(strings.NewReplacer("%25", "", "%0A", "", "%0D", "").Replace(m[3]), "%") {
				t.Errorf("%q is not escaped", m[3])
			}
		}
		for kind, n := range counts {
			if n > annotations {
				t.Errorf("%d of %s; GitHub drops what is above %d", n, kind, annotations)
			}
		}
	}
	last := strings.Split(strings.TrimSpace(string(write(t, GitHub, bad(300, 1500)))), "\n")[9]
	if !strings.Contains(last, "more like these. In all: 272 failed, 28 not testable") {
		t.Errorf("the last one says %s", last)
	}
}

func TestGitHubIsSilentIfAllIsWell(t *testing.T) {
	if got := write(t, GitHub, good(12)); len(got) != 0 {
		t.Errorf("it says %s", got)
	}
}

// checkPage reads a page as a browser does: one script, one style, both named by
// the policy, nothing from elsewhere, no handler in an attribute, each id once and
// each inner link with a target.
func checkPage(t tester, b []byte) {
	t.Helper()
	root, err := html.Parse(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, e := range strings.Fields("html head body meta title link style script a header main footer section details summary div p span b i h1 h2 h3 h4 small ul ol li dl dt dd table caption thead tbody tr th td code pre svg rect form label input select option button") {
		known[e] = true
	}
	var policy string
	var inline []string
	ids, links := map[string]bool{}, []string{}
	for n := range root.Descendants() {
		if n.Type != html.ElementNode {
			continue
		}
		if !known[n.Data] {
			t.Errorf("the page has an element %s", n.Data)
		}
		if n.Data == "script" || n.Data == "style" {
			sum := sha256.Sum256([]byte(n.FirstChild.Data))
			inline = append(inline, n.Data+"-src 'sha256-"+base64.StdEncoding.EncodeToString(sum[:])+"'")
		}
		for _, a := range n.Attr {
			switch {
			case strings.HasPrefix(a.Key, "on"), a.Key == "style", a.Key == "src", a.Key == "srcdoc", a.Key == "action":
				t.Errorf("%s has %s=%q", n.Data, a.Key, a.Val)
			case a.Key == "id":
				if ids[a.Val] {
					t.Errorf("the id %s is there twice", a.Val)
				}
				ids[a.Val] = true
			case a.Key == "href" && n.Data == "a" && strings.HasPrefix(a.Val, "#"):
				links = append(links, a.Val[1:])
			case a.Key == "href" && n.Data == "a" && !strings.HasPrefix(a.Val, "http://") && !strings.HasPrefix(a.Val, "https://"):
				t.Errorf("a link leads to %s", a.Val)
			case a.Key == "content" && strings.HasPrefix(a.Val, "default-src"):
				policy = a.Val
			}
		}
	}
	if len(inline) != 2 {
		t.Fatalf("scripts and styles: %v", inline)
	}
	for _, s := range inline {
		if !strings.Contains(policy, s) {
			t.Errorf("the policy %s does not name %s", policy, s)
		}
	}
	for _, l := range links {
		if !ids[l] && l != "cases" {
			t.Errorf("nothing is at #%s", l)
		}
	}
}

func TestThePageIsSelfContainedAndSafe(t *testing.T) {
	for _, r := range []*conformance.Result{sample(), three(), good(12), head(), bad(30, 200), {}, nil} {
		checkPage(t, write(t, HTML, r))
	}
}

func TestThePageNeedsNothingFromElsewhere(t *testing.T) {
	for _, s := range []string{pageStyle, pageScript} {
		if regexp.MustCompile(`https?://|@import|url\(|fetch\(|innerHTML|eval\(`).MatchString(s) {
			t.Errorf("there is more in it than this page: %.200s", s)
		}
		if !strings.HasSuffix(s, "\n") {
			t.Error("there is no newline at the end")
		}
	}
}

func TestAMatrixThatIsTooLargeJoinsOutcomes(t *testing.T) {
	r := good(20)
	for i := range 400 {
		v := r.Verdicts[0]
		v.Operation, v.Outcome, v.ID = fmt.Sprintf("op%d", i%100), fmt.Sprintf("token.reason%d", i), fmt.Sprintf("x%d", i)
		r.Verdicts = append(r.Verdicts, v)
	}
	m := newMatrix(legal(r), newAnchors(r.Verdicts))
	if m == nil || !strings.Contains(m.Hint, "together") || len(m.Columns)*len(m.Rows) > matrixCells {
		t.Errorf("the matrix is %+v", m)
	}
	checkPage(t, write(t, HTML, r))
}
