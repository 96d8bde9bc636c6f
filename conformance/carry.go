package conformance

import (
	"fmt"

	"github.com/mockauth/mockauth/internal/session"
)

// carry gives a case the accounts as the cases before it left them: a target
// without worlds keeps what was written.
func (x *run) carry() {
	if x.world != nil {
		return
	}
	x.shadow.store.Update(func(tx session.Tx) {
		for _, r := range x.r.carried {
			tx.PutRecord(r)
		}
	})
}

// keep remembers the accounts as the case left them.
func (x *run) keep() {
	if x.world != nil {
		return
	}
	p := x.r.plan
	x.shadow.store.Update(func(tx session.Tx) {
		for _, k := range p.Contract.Records {
			for _, was := range p.seed.seed.Records(k.Name) {
				r := tx.Record(k.Name, was.Key)
				if r == nil || r == was {
					continue
				}
				if x.r.carried == nil {
					x.r.carried = map[string]*session.Record{}
				}
				x.r.carried[k.Name+"/"+r.Key] = r
			}
		}
	})
}

// wouldLock says which account the wrong passwords of a case might lock, after
// those that were sent before it; "": none.
func (x *run) wouldLock() string {
	if x.c.Wrong == 0 || x.world != nil || len(x.r.carried) == 0 {
		return ""
	}
	why := ""
	x.shadow.store.Update(func(tx session.Tx) {
		at := session.Moment{Now: x.shadow.now, Tx: tx}
		for _, r := range x.r.carried {
			if most, ok := x.shadow.machine.LocksAfter(r.Kind, at); ok && r.Wrong > 0 && r.Wrong+x.c.Wrong >= most {
				why = fmt.Sprintf("it could lock an account: %d wrong passwords in a row do, and %d were sent", most, r.Wrong)
			}
		}
	})
	return why
}
