package schema

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strconv"

	"github.com/mockauth/mockauth/internal/document"
)

// mint is what Generate must know of a schema beyond its Node: the bounds, all
// parts taken together.
type mint struct {
	minLength, maxLength int // maxLength -1 if there is none
	patterns             []*shape
	patternErr           error

	lo, hi         *big.Rat // nil if there is none
	loOpen, hiOpen bool
	step           *big.Rat // multipleOf

	minItems      int
	unique        bool
	prefix        []*Node
	minProperties int
}

func (src *source) limits() *mint {
	src.mintOnce.Do(func() { src.mint = src.readLimits() })
	return src.mint
}

func (src *source) readLimits() *mint {
	m := &mint{maxLength: -1}
	for _, p := range src.parts {
		m.read(src.set, p)
	}
	return m
}

func (m *mint) read(s *Set, p place) {
	m.minLength = max(m.minLength, whole(p, "minLength", 0))
	if n := whole(p, "maxLength", -1); n >= 0 && (m.maxLength < 0 || n < m.maxLength) {
		m.maxLength = n
	}
	m.minItems = max(m.minItems, whole(p, "minItems", 0))
	m.minProperties = max(m.minProperties, whole(p, "minProperties", 0))
	m.unique = m.unique || p.isTrue("uniqueItems")
	m.lower(rational(p, "minimum"), p.isTrue("exclusiveMinimum"))
	m.lower(rational(p, "exclusiveMinimum"), true)
	m.upper(rational(p, "maximum"), p.isTrue("exclusiveMaximum"))
	m.upper(rational(p, "exclusiveMaximum"), true)
	if r := rational(p, "multipleOf"); r != nil && r.Sign() > 0 && m.step == nil {
		m.step = r
	}
	if c, ok := p.child("pattern"); ok {
		shape, err := parseShape(c.node.Value)
		if err != nil && m.patternErr == nil {
			m.patternErr = fmt.Errorf("values are made only for patterns of RE2, and %q is none: %w", c.node.Value, err)
		}
		m.patterns = append(m.patterns, shape)
	}
	if m.prefix == nil {
		for _, e := range p.elements("prefixItems") {
			m.prefix = append(m.prefix, s.node([]place{e}))
		}
	}
}

func whole(p place, keyword string, none int) int {
	if r := rational(p, keyword); r != nil && r.IsInt() && r.Num().IsInt64() {
		return int(r.Num().Int64())
	}
	return none
}

func rational(p place, keyword string) *big.Rat {
	c, ok := p.child(keyword)
	if !ok {
		return nil
	}
	n, ok := document.Value(c.node).(json.Number)
	if !ok || !sane(n) {
		return nil
	}
	r, _ := new(big.Rat).SetString(string(n))
	return r
}

func (m *mint) lower(r *big.Rat, open bool) {
	if r == nil {
		return
	}
	if m.lo == nil || r.Cmp(m.lo) > 0 || open && r.Cmp(m.lo) == 0 {
		m.lo, m.loOpen = r, open
	}
}

func (m *mint) upper(r *big.Rat, open bool) {
	if r == nil {
		return
	}
	if m.hi == nil || r.Cmp(m.hi) < 0 || open && r.Cmp(m.hi) == 0 {
		m.hi, m.hiOpen = r, open
	}
}

// number makes a number, uniformly among the multiples of a step that lie in
// the bounds. Where a side is open, it is bounded so that a sample is no
// monster.
func (m *mint) number(rnd *rand.Rand, format string, whole bool) (any, error) {
	if n, ok := m.plain(rnd, whole); ok {
		return n, nil
	}
	bounds := *m
	switch format {
	case "int32":
		bounds.lower(power(-1, 31), false)
		bounds.upper(power(1, 31), true)
	case "int64":
		bounds.lower(power(-1, 63), false)
		bounds.upper(power(1, 63), true)
	}
	// A format alone is no wish for negative numbers.
	if m.lo == nil && (bounds.hi == nil || bounds.hi.Sign() > 0) {
		bounds.lo, bounds.loOpen = new(big.Rat), false
	}
	if bounds.lo == nil {
		bounds.lo = new(big.Rat).Sub(bounds.hi, power(1, 31))
	}
	if bounds.hi == nil {
		bounds.hi, bounds.hiOpen = new(big.Rat).Add(bounds.lo, power(1, 31)), true
	}
	for _, step := range bounds.steps(whole) {
		if r, ok := bounds.pick(rnd, step); ok {
			return json.Number(decimal(r)), nil
		}
	}
	return nil, errors.New("no number lies in its bounds")
}

// plain makes the common case, a whole number between two that fit a machine
// word, without fractions: session ids are minted at each login.
func (m *mint) plain(rnd *rand.Rand, whole bool) (json.Number, bool) {
	if !whole || m.step != nil || m.lo == nil || m.hi == nil || m.loOpen || m.hiOpen ||
		!m.lo.IsInt() || !m.hi.IsInt() || !m.lo.Num().IsInt64() || !m.hi.Num().IsInt64() {
		return "", false
	}
	lo, hi := m.lo.Num().Int64(), m.hi.Num().Int64()
	span := hi - lo + 1
	if span <= 0 { // empty, or more than 63 bits
		return "", false
	}
	return json.Number(strconv.FormatInt(lo+rnd.Int64N(span), 10)), true
}

// steps returns the steps to try, coarse first.
func (m *mint) steps(whole bool) []*big.Rat {
	if m.step != nil {
		if whole && !m.step.IsInt() {
			// The whole multiples of a/b, in lowest terms, are those of a.
			return []*big.Rat{new(big.Rat).SetInt(m.step.Num())}
		}
		return []*big.Rat{m.step}
	}
	if whole {
		return []*big.Rat{big.NewRat(1, 1)}
	}
	return []*big.Rat{big.NewRat(1, 100), big.NewRat(1, 1e9), big.NewRat(1, 1e18)}
}

// pick chooses k*step in the bounds.
func (m *mint) pick(rnd *rand.Rand, step *big.Rat) (*big.Rat, bool) {
	lo := floor(new(big.Rat).Quo(m.lo, step))
	if r := times(lo, step); r.Cmp(m.lo) < 0 || m.loOpen && r.Cmp(m.lo) == 0 {
		lo.Add(lo, big.NewInt(1))
	}
	hi := floor(new(big.Rat).Quo(m.hi, step))
	if r := times(hi, step); m.hiOpen && r.Cmp(m.hi) == 0 {
		hi.Sub(hi, big.NewInt(1))
	}
	span := new(big.Int).Sub(hi, lo)
	if span.Sign() < 0 {
		return nil, false
	}
	k := rnd.Uint64()
	if span.IsUint64() && span.Uint64() < 1<<64-1 {
		k = rnd.Uint64N(span.Uint64() + 1)
	}
	return times(lo.Add(lo, new(big.Int).SetUint64(k)), step), true
}

func power(sign int64, bits uint) *big.Rat {
	n := new(big.Int).Lsh(big.NewInt(1), bits)
	return new(big.Rat).SetInt(n.Mul(n, big.NewInt(sign)))
}

func times(k *big.Int, step *big.Rat) *big.Rat {
	return new(big.Rat).Mul(new(big.Rat).SetInt(k), step)
}

// floor is right for negative numbers too, since a denominator is positive.
func floor(r *big.Rat) *big.Int {
	return new(big.Int).Div(r.Num(), r.Denom())
}

// text makes a string.
func (m *mint) text(rnd *rand.Rand, format string) (any, error) {
	if m.patternErr != nil {
		return nil, m.patternErr
	}
	if m.minLength > maxText {
		return nil, fmt.Errorf("it wants a string of %d characters; at most %d are made", m.minLength, maxText)
	}
	if len(m.patterns) > 0 {
		return m.patterned(rnd)
	}
	if s, ok := ofFormat(rnd, format, m.minLength); ok {
		return s, nil
	}
	// Twelve letters and digits are hard to guess and easy to read.
	n := max(m.minLength, 12)
	if m.maxLength >= 0 {
		n = min(n, m.maxLength)
	}
	return alphanumeric(rnd, n), nil
}

func (m *mint) patterned(rnd *rand.Rand) (any, error) {
	first := m.patterns[0]
	for range maxAttempts {
		s, err := first.make(rnd, m.minLength, m.maxLength)
		if err != nil {
			return nil, err
		}
		if m.fits(s) {
			return s, nil
		}
	}
	return nil, fmt.Errorf("no string was found in %d attempts that matches %q and its other limits", maxAttempts, first.text)
}

func (m *mint) fits(s string) bool {
	n := len([]rune(s))
	if n < m.minLength || m.maxLength >= 0 && n > m.maxLength {
		return false
	}
	for _, p := range m.patterns {
		if !p.re.MatchString(s) {
			return false
		}
	}
	return true
}

const lettersAndDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"

func alphanumeric(rnd *rand.Rand, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = lettersAndDigits[rnd.IntN(len(lettersAndDigits))]
	}
	return string(b)
}
