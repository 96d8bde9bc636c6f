package schema

import (
	"regexp"
	"sync"
	"time"

	"github.com/dlclark/regexp2"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// matchTimeout bounds one match of a pattern that RE2 cannot read: such a
// pattern may take exponential time, and its subject comes from outside.
const matchTimeout = 50 * time.Millisecond

// patterns compiles each pattern of a document once, for both directions.
type patterns struct {
	mu       sync.Mutex
	compiled map[string]jsonschema.Regexp
}

// compile reads a pattern as RE2, which takes linear time; and as ECMAScript,
// which JSON Schema asks for, only when RE2 refuses it.
func (p *patterns) compile(text string) (jsonschema.Regexp, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if re, ok := p.compiled[text]; ok {
		return re, nil
	}
	if p.compiled == nil {
		p.compiled = map[string]jsonschema.Regexp{}
	}
	if re, err := regexp.Compile(text); err == nil {
		p.compiled[text] = re
		return re, nil
	}
	re, err := regexp2.Compile(text, regexp2.ECMAScript|regexp2.Unicode)
	if err != nil {
		return nil, err
	}
	re.MatchTimeout = matchTimeout
	p.compiled[text] = ecmaScript{re}
	return ecmaScript{re}, nil
}

type ecmaScript struct{ re *regexp2.Regexp }

func (e ecmaScript) String() string { return e.re.String() }

// MatchString reports whether the pattern matches. One that takes too long
// does not.
func (e ecmaScript) MatchString(s string) bool {
	ok, err := e.re.MatchString(s)
	return ok && err == nil
}
