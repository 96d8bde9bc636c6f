package mutant

import (
	"testing"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

func TestWhatATwistSendsIsReadWhereItIsSent(t *testing.T) {
	for _, at := range []specs.Location{
		{In: specs.InBody, Tokens: []string{"user", "name"}}, {In: specs.InPath, Name: "id"}, {In: specs.InQuery, Name: "token"},
		{In: specs.InHeader, Name: "x-csrf-token"}, {In: specs.InHeader, Name: "X-CSRF-TOKEN"}, {In: specs.InCookie, Name: "sid"},
		{In: specs.InBearer}, {In: specs.InBasicUser}, {In: specs.InBasicPassword},
	} {
		if v, ok := sent(&session.Request{}, at, "mine").Value(at); !ok || v != "mine" {
			t.Errorf("%s: %v", at.Describe(), v)
		}
	}
}
