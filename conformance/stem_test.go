package conformance

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// Every case is in one batch, in its order, and a stem that fits into a batch is in
// no other.
func TestCasesThatBeginAlikeAreInOneBatch(t *testing.T) {
	chance := rand.New(rand.NewPCG(7, 7))
	for range 200 {
		cases := make([]*Case, chance.IntN(300))
		for i := range cases {
			cases[i] = &Case{root: 1 + chance.IntN(2)}
			for at := cases[i].root; chance.IntN(3) > 0; {
				at = 3*at + chance.IntN(3)
				cases[i].stems = append(cases[i].stems, at)
			}
		}
		runners := 1 + chance.IntN(4)
		most := max(1, len(cases)/(8*runners))
		place := map[*Case]int{}
		size := map[int]int{}
		first := -1
		for n, batch := range batches(cases, runners) {
			at := -1
			for i, c := range batch {
				now := slices.Index(cases, c)
				if _, twice := place[c]; twice || now <= at || i == 0 && now <= first {
					t.Fatalf("case %d is twice, or out of order", now)
				}
				if i == 0 {
					first = now
				}
				at, place[c] = now, n
				for _, s := range c.path() {
					size[s]++
				}
			}
			if len(batch) > most {
				t.Fatalf("a batch has %d of %d cases for %d runners", len(batch), len(cases), runners)
			}
		}
		if len(place) != len(cases) {
			t.Fatalf("%d of %d cases are in a batch", len(place), len(cases))
		}
		home := map[int]int{}
		for _, c := range cases {
			for _, s := range c.path() {
				if n, known := home[s]; known && n != place[c] && size[s] <= most {
					t.Fatalf("the %d cases of the stem %d are in the batches %d and %d", size[s], s, n, place[c])
				}
				home[s] = place[c]
			}
		}
	}
}
