package report

import (
	"io"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/mockauth/mockauth/conformance"
)

// The parts of SARIF 2.1.0 that are written.
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool        sarifTool         `json:"tool"`
		Automation  *sarifAutomation  `json:"automationDetails,omitempty"`
		Invocations []sarifInvocation `json:"invocations"`
		ColumnKind  string            `json:"columnKind"`
		Results     []sarifResult     `json:"results"`
		Properties  map[string]string `json:"properties,omitempty"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name    string      `json:"name"`
		Version string      `json:"version,omitempty"`
		Rules   []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID         string          `json:"id"`
		Name       string          `json:"name,omitempty"`
		Short      sarifText       `json:"shortDescription"`
		Full       sarifText       `json:"fullDescription"`
		HelpURI    string          `json:"helpUri,omitempty"`
		Help       sarifText       `json:"help"`
		Defaults   sarifDefaults   `json:"defaultConfiguration"`
		Properties sarifProperties `json:"properties"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifDefaults struct {
		Level string `json:"level"`
	}
	sarifProperties struct {
		Tags []string `json:"tags"`
	}
	sarifAutomation struct {
		ID string `json:"id"`
	}
	sarifInvocation struct {
		Successful    bool                `json:"executionSuccessful"`
		Start         string              `json:"startTimeUtc,omitempty"`
		End           string              `json:"endTimeUtc,omitempty"`
		Notifications []sarifNotification `json:"toolExecutionNotifications,omitempty"`
		Configuration []sarifNotification `json:"toolConfigurationNotifications,omitempty"`
	}
	sarifNotification struct {
		Level   string    `json:"level"`
		Message sarifText `json:"message"`
	}
	sarifResult struct {
		RuleID       string             `json:"ruleId"`
		RuleIndex    int                `json:"ruleIndex"`
		Level        string             `json:"level"`
		Message      sarifText          `json:"message"`
		Locations    []sarifLocation    `json:"locations"`
		Related      []sarifLocation    `json:"relatedLocations,omitempty"`
		Fingerprints map[string]string  `json:"partialFingerprints"`
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Justification string `json:"justification"`
	}
	sarifLocation struct {
		Physical *sarifPhysical `json:"physicalLocation,omitempty"`
		Logical  []sarifLogical `json:"logicalLocations,omitempty"`
		Message  *sarifText     `json:"message,omitempty"`
	}
	sarifPhysical struct {
		Artifact sarifArtifact `json:"artifactLocation"`
		Region   *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI  string `json:"uri"`
		Base string `json:"uriBaseId,omitempty"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name string `json:"fullyQualifiedName"`
		Kind string `json:"kind"`
	}
)

// SARIF writes what was not so in the Static Analysis Results Interchange Format
// 2.1.0 (OASIS), for code scanning. A rule is a case, and a result stands at the
// line of the contract that demands it. Known failures are there, suppressed.
func SARIF(w io.Writer, r *conformance.Result) error { return writeSARIF(w, legal(r)) }

func writeSARIF(w io.Writer, r *conformance.Result) error {
	run := sarifRun{
		Tool:        sarifTool{Driver: sarifDriver{Name: "conform", Version: shown(r.Version), Rules: []sarifRule{}}},
		Invocations: []sarifInvocation{sarifInvoked(r)},
		ColumnKind:  "unicodeCodePoints",
		Results:     []sarifResult{},
		Properties:  map[string]string{},
	}
	if r.System != "" {
		// One category for each system and profile: runs of several do not replace
		// each other.
		run.Automation = &sarifAutomation{ID: strings.TrimSuffix("conform/"+url.PathEscape(r.System)+"/"+url.PathEscape(r.Profile), "/") + "/"}
	}
	for _, f := range facts(r) {
		run.Properties[f.Name] = f.Value
	}
	index := map[string]int{}
	for _, v := range r.Verdicts {
		if !scanned(v.Status) {
			continue
		}
		if _, ok := index[v.ID]; !ok {
			index[v.ID] = len(run.Tool.Driver.Rules)
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRuleOf(v, r.Again))
		}
		run.Results = append(run.Results, sarifResultOf(r, v, index[v.ID]))
	}
	return writeJSON(w, sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0",
		Runs:    []sarifRun{run},
	})
}

// scanned reports whether a status says something of the target.
func scanned(s conformance.Status) bool {
	switch s {
	case conformance.Passed, conformance.Excluded, conformance.Interrupted:
		return false
	}
	return true
}

// level is error for what fails the run, and else what it weighs.
func level(v conformance.Verdict) string {
	if fails(v.Status) {
		return "error"
	}
	switch weight(v) {
	case conformance.Must:
		return "error"
	case conformance.Should:
		return "warning"
	}
	return "note"
}

func sarifInvoked(r *conformance.Result) sarifInvocation {
	in := sarifInvocation{Successful: !r.Interrupted && r.Counts()[conformance.Interrupted] == 0}
	if !r.Started.IsZero() {
		in.Start = r.Started.Format("2006-01-02T15:04:05.000Z")
		in.End = r.Started.Add(time.Duration(min(r.Seconds, 1e6) * float64(time.Second))).Format("2006-01-02T15:04:05.000Z")
	}
	if !in.Successful {
		in.Notifications = append(in.Notifications, sarifNotification{"error", sarifText{conclusion(r)}})
	}
	for _, s := range r.Stale {
		in.Configuration = append(in.Configuration, sarifNotification{"error", sarifText{or(shown(s), "stale")}})
	}
	return in
}

func sarifRuleOf(v conformance.Verdict, again string) sarifRule {
	rule := sarifRule{
		ID:         or(shown(v.ID), "unnamed"),
		Name:       shown(v.Outcome),
		Short:      sarifText{or(title(v), "unnamed")},
		Full:       sarifText{or(title(v), "unnamed") + " " + meaning(v.Status)},
		Help:       sarifText{text(v, again)},
		Defaults:   sarifDefaults{level(v)},
		Properties: sarifProperties{Tags: []string{}},
	}
	for _, s := range v.Rule.Sources {
		if u, err := url.Parse(link(s)); rule.HelpURI == "" && err == nil && u.Host != "" {
			rule.HelpURI = u.String()
		}
	}
	seen := map[string]bool{}
	for _, tag := range append([]string{v.Kind, weight(v).String()}, v.Labels...) {
		if tag = shown(tag); tag != "" && !seen[tag] {
			seen[tag] = true
			rule.Properties.Tags = append(rule.Properties.Tags, tag)
		}
	}
	return rule
}

func sarifResultOf(r *conformance.Result, v conformance.Verdict, index int) sarifResult {
	var text strings.Builder
	text.WriteString(title(v))
	if w := why(v); w != "" {
		text.WriteString("\n" + w)
	}
	for _, m := range v.Mismatches {
		text.WriteString("\n" + sentence(m, longValue))
	}
	result := sarifResult{
		RuleID:    or(shown(v.ID), "unnamed"),
		RuleIndex: index,
		Level:     level(v),
		Message:   sarifText{text.String()},
		Locations: []sarifLocation{{
			Physical: sarifPlace(v.Rule),
			Logical:  []sarifLogical{{Name: or(request(v.Info), "unnamed"), Kind: "resource"}},
		}},
		// The case is what it is about, wherever it stands in the contract.
		Fingerprints: map[string]string{"conformCase/v1": shown(v.ID)},
	}
	seen := map[string]bool{standsAt(v.Rule): true}
	for _, m := range v.Mismatches {
		if p := sarifPlace(m.Rule); p != nil && !seen[standsAt(m.Rule)] {
			seen[standsAt(m.Rule)] = true
			result.Related = append(result.Related, sarifLocation{Physical: p, Message: &sarifText{sentence(m, shortValue)}})
		}
	}
	if v.Status == conformance.Known {
		result.Suppressions = []sarifSuppression{{"external", strings.TrimSpace(why(v) + " " + expiry(r, v.Known))}}
	}
	return result
}

func sarifPlace(r conformance.Rule) *sarifPhysical {
	if r.File == "" {
		return nil
	}
	p := &sarifPhysical{Artifact: sarifFile(r.File)}
	if r.Line > 0 {
		p.Region = &sarifRegion{StartLine: r.Line}
	}
	return p
}

// sarifFile is a file as a URI: relative to the root of the sources, or absolute.
func sarifFile(file string) sarifArtifact {
	name := strings.ReplaceAll(file, `\`, "/")
	if len(name) > 1 && name[1] == ':' {
		name = "/" + name // a drive
	}
	if path.IsAbs(name) {
		return sarifArtifact{URI: (&url.URL{Scheme: "file", Path: path.Clean(name)}).String()}
	}
	return sarifArtifact{URI: (&url.URL{Path: path.Clean(name)}).String(), Base: "%SRCROOT%"}
}
