package conformance

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/mockauth/mockauth/internal/session"
	"github.com/mockauth/mockauth/specs"
)

func itoa(n int) string { return strconv.Itoa(n) }

// rivals is how many requests redeem one token at the same time.
const rivals = 4

// race sends a request several times at once. It returns the reply that was
// accepted, if one was, or else any, and how many were.
func (x *run) race(ctx context.Context, st *step, out *outgoing) (won *Reply, accepted int, err error) {
	replies := make([]*Reply, rivals)
	errs := make([]error, rivals)
	var wg sync.WaitGroup
	for i := range rivals {
		var each *outgoing
		x.shadow.store.Update(func(tx session.Tx) { each, err = st.request.build(ctx, x.shadow.to, x.fill(tx), x.r.bodies) })
		if err != nil {
			break
		}
		wg.Go(func() { replies[i], errs[i] = x.r.client.Do(ctx, each.http) })
	}
	wg.Wait()
	if err != nil {
		return nil, 0, err
	}
	for i, r := range replies {
		if errs[i] != nil {
			return nil, 0, errs[i]
		}
		var refused bool
		x.shadow.store.Update(func(tx session.Tx) {
			p := x.shadow.judge(st.request, out, tx)
			status, _ := p.Status()
			refused = x.r.bodies.readAnswer(r, st.request.op, p.Decision, status, p.typ).refuses(x.r.plan.Contract, p.Decision)
		})
		if !refused {
			accepted++
		}
		if won == nil || !refused {
			won = r
		}
	}
	return won, accepted, nil
}

// onceOnly: of requests that redeem one token at the same time, one wins.
func (b *builder) onceOnly(op *specs.Operation, f *found) {
	for _, c := range f.bases() {
		if len(c.p.Consume) == 0 || len(c.way.steps) == 0 {
			continue
		}
		again, err := c.e.then(c.way, c.step(""))
		if err != nil {
			continue
		}
		if x := c.e.tryIn(again, c.filling); x == nil || x.p.Failure == nil {
			continue // to redeem it twice is no fault here
		}
		k := c.p.Consume[0].Kind
		cs := b.makeCase(c, "law", fmt.Sprintf("%s: of %d that redeem one token %s at once, one wins", op.ID, rivals, k.Name),
			link{what: "the single use", mark: k.Evidence.Part("use"), pointer: "/x-session/tokens/" + k.Name})
		last := *cs.steps[len(cs.steps)-1]
		last.parallel = true
		last.purpose += fmt.Sprintf(", %d times at once", rivals)
		cs.steps[len(cs.steps)-1] = &last
		cs.Cause[len(cs.Cause)-1] = last.cause()
		cs.Requests += rivals - 1
		b.add(cs, op.ID, "law.one-redemption-wins", slug(k.Name))
		return
	}
}
