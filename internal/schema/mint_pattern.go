package schema

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"regexp/syntax"
	"strings"
)

// shape is a pattern prepared for making strings that match it.
type shape struct {
	text string
	re   *regexp.Regexp
	root *piece
}

// piece is a part of a pattern, with the lengths that it can have in
// characters.
type piece struct {
	op       syntax.Op
	runes    []rune // of a literal; of a class, pairs of first and last
	subs     []*piece
	min, max int // of a repeat

	shortest, longest int
}

// endless stands for a length without bound; small enough to be added up.
const endless = 1 << 30

// slack is how much longer than the shortest match an endless one may become.
const slack = 16

func parseShape(text string) (*shape, error) {
	re, err := regexp.Compile(text)
	if err != nil {
		return nil, err
	}
	tree, err := syntax.Parse(text, syntax.Perl)
	if err != nil {
		return nil, err
	}
	return &shape{text, re, newPiece(tree)}, nil
}

func newPiece(re *syntax.Regexp) *piece {
	p := &piece{op: re.Op}
	for _, sub := range re.Sub {
		p.subs = append(p.subs, newPiece(sub))
	}
	switch re.Op {
	case syntax.OpLiteral:
		p.runes = re.Rune
		p.shortest, p.longest = len(re.Rune), len(re.Rune)
	case syntax.OpCharClass:
		p.runes = readable(re.Rune)
		p.shortest, p.longest = 1, 1
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		p.op, p.runes = syntax.OpCharClass, readable([]rune{' ', 0x10ffff})
		p.shortest, p.longest = 1, 1
	case syntax.OpCapture, syntax.OpConcat:
		p.op = syntax.OpConcat
		for _, sub := range p.subs {
			p.shortest = capped(p.shortest + sub.shortest)
			p.longest = capped(p.longest + sub.longest)
		}
	case syntax.OpAlternate:
		p.shortest = endless
		for _, sub := range p.subs {
			p.shortest, p.longest = min(p.shortest, sub.shortest), max(p.longest, sub.longest)
		}
	case syntax.OpStar:
		p.repeat(0, -1)
	case syntax.OpPlus:
		p.repeat(1, -1)
	case syntax.OpQuest:
		p.repeat(0, 1)
	case syntax.OpRepeat:
		p.repeat(re.Min, re.Max)
	}
	return p // else: anchors and the like, which are no characters
}

func (p *piece) repeat(least, most int) {
	if most < 0 {
		most = endless
	}
	p.op, p.min, p.max = syntax.OpRepeat, least, most
	sub := p.subs[0]
	p.shortest, p.longest = product(least, sub.shortest), product(most, sub.longest)
}

func capped(n int) int { return min(n, endless) }

func product(a, b int) int {
	if a != 0 && b > endless/a {
		return endless
	}
	return a * b
}

// readable narrows a class: one that has all letters and digits, and goes
// beyond ASCII, such as "." or [^,], to these; any other to what it has of
// printable ASCII, if anything.
func readable(class []rune) []rune {
	wide := len(class) > 0 && class[len(class)-1] > 0x7e
	if wide && holds(class, '0', '9') && holds(class, 'A', 'Z') && holds(class, 'a', 'z') {
		return []rune{'0', '9', 'A', 'Z', 'a', 'z'}
	}
	var out []rune
	for i := 0; i < len(class); i += 2 {
		if lo, hi := max(class[i], ' '), min(class[i+1], '~'); lo <= hi {
			out = append(out, lo, hi)
		}
	}
	if out == nil {
		return class
	}
	return out
}

func holds(class []rune, lo, hi rune) bool {
	for i := 0; i < len(class); i += 2 {
		if class[i] <= lo && hi <= class[i+1] {
			return true
		}
	}
	return false
}

// make makes a string that matches, if possible of a length within the limits;
// most is -1 for none. The caller checks: a \b may not match, nor lengths work
// out, as in (ab)*.
func (s *shape) make(rnd *rand.Rand, least, most int) (string, error) {
	least = max(least, s.root.shortest)
	longest := min(s.root.longest, least+slack)
	if most >= 0 {
		longest = min(longest, most)
	}
	if least > maxText {
		return "", errors.New("its strings are too long to be made")
	}
	var b strings.Builder
	err := s.root.write(&b, rnd, least+below(rnd, longest-least))
	return b.String(), err
}

// below returns a number from 0 to n; 0 if n is negative.
func below(rnd *rand.Rand, n int) int {
	if n <= 0 {
		return 0
	}
	return rnd.IntN(n + 1)
}

// write writes a match of n characters, or as near as it gets.
func (p *piece) write(b *strings.Builder, rnd *rand.Rand, n int) error {
	switch p.op {
	case syntax.OpNoMatch:
		return errors.New("its pattern matches nothing")
	case syntax.OpLiteral:
		for _, r := range p.runes {
			b.WriteRune(r)
		}
	case syntax.OpCharClass:
		if len(p.runes) == 0 {
			return errors.New("its pattern has a class without characters")
		}
		b.WriteRune(oneRune(p.runes, rnd))
	case syntax.OpConcat:
		return writeAll(b, rnd, p.subs, n)
	case syntax.OpAlternate:
		return p.choose(rnd, n).write(b, rnd, n)
	case syntax.OpRepeat:
		return p.writeRepeat(b, rnd, n)
	}
	return nil
}

func oneRune(class []rune, rnd *rand.Rand) rune {
	total := 0
	for i := 0; i < len(class); i += 2 {
		total += int(class[i+1]-class[i]) + 1
	}
	k := rnd.IntN(total)
	for i := 0; ; i += 2 {
		size := int(class[i+1]-class[i]) + 1
		if k < size {
			return class[i] + rune(k)
		}
		k -= size
	}
}

// writeAll shares n characters out among pieces in a row: each gets its
// shortest, and a random share of what is left that leaves no more than the
// ones after it can take.
func writeAll(b *strings.Builder, rnd *rand.Rand, pieces []*piece, n int) error {
	after := make([]int, len(pieces)+1) // what the pieces from here on can take
	for i := len(pieces) - 1; i >= 0; i-- {
		n -= pieces[i].shortest
		after[i] = capped(after[i+1] + pieces[i].longest - pieces[i].shortest)
	}
	n = min(max(n, 0), after[0])
	for i, p := range pieces {
		least := max(n-after[i+1], 0)
		share := least + below(rnd, min(p.longest-p.shortest, n)-least)
		if err := p.write(b, rnd, p.shortest+share); err != nil {
			return err
		}
		n -= share
	}
	return nil
}

// choose returns an alternative that can have n characters, or any.
func (p *piece) choose(rnd *rand.Rand, n int) *piece {
	var fit []*piece
	for _, sub := range p.subs {
		if sub.shortest <= n && n <= sub.longest {
			fit = append(fit, sub)
		}
	}
	if fit == nil {
		fit = p.subs
	}
	return fit[rnd.IntN(len(fit))]
}

func (p *piece) writeRepeat(b *strings.Builder, rnd *rand.Rand, n int) error {
	sub := p.subs[0]
	// How often it must stand to become that long, and how often it can.
	least, most := p.min, p.max
	if sub.longest > 0 {
		least = max(least, (n+sub.longest-1)/sub.longest)
	}
	if sub.shortest > 0 {
		most = min(most, n/sub.shortest)
	} else {
		most = min(most, max(n, p.min)) // empty ones add nothing
	}
	times := min(least+below(rnd, most-least), p.max)
	row := make([]*piece, times)
	for i := range row {
		row[i] = sub
	}
	return writeAll(b, rnd, row, n)
}
