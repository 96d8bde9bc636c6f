package driver_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/mockauth/mockauth/conformance/driver"
)

func TestLinesAreCheckedAgainstTheSchema(t *testing.T) {
	answers := []string{"report", "skipped", "errored"}
	for _, x := range []struct {
		line string
		as   []string
		says string // "": it is right
	}{
		{`{"ready":true,"protocol":1,"client":{"name":"x"}}`, []string{"ready"}, ""},
		{`{"ready":true,"protocol":1,"client":{"name":"x","version":"1","url":"u","language":"l","note":"n"},"does":[],"systems":["a"]}`, []string{"ready"}, ""},
		{`{"ready":true,"protocol":1,"client":{"name":"x"}}`, nil, ""},
		{`{"ready":false,"protocol":1,"client":{"name":"x"}}`, []string{"ready"}, "/ready"},
		{`{"ready":true,"protocol":1,"client":"x"}`, []string{"ready"}, "/client: got string, want object"},
		{`{"ready":true,"protocol":1,"client":{"name":""}}`, []string{"ready"}, "/client/name"},
		{`{"ready":true,"protocol":1,"client":{"name":"x"},"does":["log-in"]}`, []string{"ready"}, "/does/0"},
		{`{"ready":true,"protocol":1,"client":{"name":"x"},"capabilities":[]}`, []string{"ready"}, "capabilities"},
		{`{"seq":1,"steps":[]}`, answers, ""},
		{`{"seq":1,"steps":[{"ok":true,"each":[{"ok":true}]}]}`, answers, ""},
		{`{"seq":1,"skipped":{"message":"x"}}`, answers, ""},
		{`{"seq":1,"errored":{"message":"x"}}`, answers, ""},
		{`{"seq":1,"skipped":{"message":""}}`, answers, "/skipped/message"},
		{`{"seq":1,"skipped":true}`, answers, "/skipped: got boolean"},
		{`{"seq":1}`, answers, "steps"},
		{`{"steps":[{"ok":true}]}`, answers, "seq"},
		{`{"seq":"1","steps":[]}`, answers, "/seq"},
		{`{"seq":1,"steps":[{"ok":"yes"}]}`, answers, "/steps/0/ok"},
		{`{"seq":1,"steps":[{"ok":false,"error":{}}]}`, answers, "/steps/0/error: missing property 'message'"},
		{`{"seq":1,"steps":[{"ok":false,"error":{"message":"x","http":"401"}}]}`, answers, "/steps/0/error/http"},
		{`{"seq":1,"steps":[{"ok":false,"error":{"message":"x","code":5}}]}`, answers, "/steps/0/error/code"},
		{`{"seq":1,"steps":[],"skipped":{"message":"x"}}`, answers, "skipped"},
		{``, answers, "no JSON"},
		{`OK`, answers, "no JSON"},
		{`{"seq":1`, answers, "no JSON"},
		{`null`, answers, "no object"},
		{`"x"`, answers, "no object"},
		{"{\"seq\":1,\"steps\":[]}\n{}", answers, "no JSON"},
	} {
		bad := strings.Join(driver.Check(x.line, x.as...), "; ")
		if x.says == "" && bad != "" || x.says != "" && !strings.Contains(bad, x.says) {
			t.Errorf("%s: want %q, not %q", x.line, x.says, bad)
		}
	}
}

// Whoever has the schema and changes it changes a copy.
func TestTheSchemaIsACopy(t *testing.T) {
	driver.Schema()[0] = 'x'
	if !json.Valid(driver.Schema()) {
		t.Error("the schema was changed")
	}
}

// Whatever a driver writes, it is judged, and nothing panics.
func FuzzCheck(f *testing.F) {
	f.Add(`{"seq":1,"steps":[{"ok":true}]}`)
	f.Add(`{"ready":true,"protocol":1,"client":{"name":"x"}}`)
	f.Fuzz(func(t *testing.T, line string) {
		if len(driver.Check(line, "report", "skipped", "errored")) == 0 && !json.Valid([]byte(line)) {
			t.Errorf("%q is no JSON", line)
		}
	})
}
