package session

import (
	"testing"

	"github.com/mockauth/mockauth/specs"
)

func TestWhatWasSignedIsSignedOnce(t *testing.T) {
	c, err := specs.System("jmap-cloud")
	if err != nil {
		t.Fatal(err)
	}
	settings, err := Settings(c, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	pem := ""
	for _, v := range settings {
		if s, ok := v.(string); ok && len(s) > 500 {
			pem = s
		}
	}
	if pem == "" {
		t.Skip("no setting is an RSA key")
	}
	shared := &Keys{}
	for _, text := range []string{"one", "two", "one"} {
		alone, err := (&Machine{}).signature("RS256", pem, []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		got, err := (&Machine{Keys: shared}).signature("RS256", pem, []byte(text))
		if err != nil || string(got) != string(alone) {
			t.Errorf("%s: remembered %x (%v), alone %x", text, got, err, alone)
		}
	}
	if len(shared.signed) != 2 {
		t.Errorf("%d signatures are remembered, want 2", len(shared.signed))
	}
}
