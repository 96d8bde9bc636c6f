package suite

import (
	"slices"
	"strings"

	"github.com/mockauth/mockauth/conformance"
)

// Labels are the Ginkgo labels of a case: the segments of its id, op:…,
// severity:must, should or may, its kind, and the labels of the plan. They are
// what a label filter is about. Characters that Ginkgo's filters need for
// themselves are replaced by a hyphen.
func Labels(info conformance.Info) []string {
	labels := strings.Split(info.ID, ".")
	labels = append(labels, "op:"+info.Operation, "severity:"+strings.ToLower(info.Severity.String()), info.Kind)
	labels = append(labels, info.Labels...)
	var out []string
	for _, l := range labels {
		if l = label(l); l != "" && !slices.Contains(out, l) {
			out = append(out, l)
		}
	}
	return out
}

// label is a text with nothing in it that Ginkgo refuses: it exits the process
// over an empty label, a special character, or a key without a value.
func label(text string) string {
	text = strings.Map(func(r rune) rune {
		if strings.ContainsRune("&|!,()/{}", r) || r < ' ' {
			return '-'
		}
		return r
	}, text)
	text = strings.TrimLeft(strings.TrimSpace(text), ": ")
	key, value, keyed := strings.Cut(text, ":")
	if keyed && strings.TrimSpace(value) == "" {
		return strings.TrimSpace(key)
	}
	return text
}
