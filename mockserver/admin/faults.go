package admin

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/mockauth/mockauth/specs"
)

// Fault is trouble on purpose; the fields are those of mockserver.Fault.
type Fault struct {
	System    string            `json:"system,omitempty"`
	Operation string            `json:"operation,omitempty"`
	Outcome   string            `json:"outcome,omitempty"`
	Call      int               `json:"call,omitempty"`
	Times     int               `json:"times,omitempty"`
	Do        string            `json:"do"`
	Status    int               `json:"status,omitempty"`
	Header    map[string]string `json:"header,omitempty"`
	Body      string            `json:"body,omitempty"`
	Location  string            `json:"location,omitempty"`
	Size      int64             `json:"size,omitempty"`
	For       Duration          `json:"for,omitempty"`
	Until     int               `json:"until,omitempty"`
	Release   []int             `json:"release,omitempty"`
	At        string            `json:"at,omitempty"`
	Alter     []string          `json:"alter,omitempty"`
}

// FaultState is a fault that is laid, and what has come of it.
type FaultState struct {
	ID int `json:"id"`
	Fault
	Met     int  `json:"met"`
	Fired   int  `json:"fired"`
	Waiting int  `json:"waiting"`
	GaveUp  bool `json:"gaveUp"`
	Came    int  `json:"came"`
}

// Duration is written as in 90s, 20m or 1m30s.
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := specs.ParseDuration(string(text))
	if err != nil {
		return errors.New("for is a duration such as 500ms, 2s or 1m")
	}
	*d = Duration(v)
	return nil
}

func (a *api) faults(w http.ResponseWriter, r *http.Request) { write(w, 200, a.control(r).Faults()) }

func (a *api) lay(w http.ResponseWriter, r *http.Request) {
	var in Fault
	if err := read(r, &in); err != nil {
		failed(w, err)
		return
	}
	out, err := a.control(r).Lay(in)
	if err != nil {
		failed(w, err)
		return
	}
	write(w, http.StatusCreated, out)
}

func (a *api) clearFaults(w http.ResponseWriter, r *http.Request) {
	a.control(r).ClearFaults()
	w.WriteHeader(http.StatusNoContent)
}

func (a *api) clearFault(w http.ResponseWriter, r *http.Request) {
	id, err := strconv.Atoi(r.PathValue("id"))
	if err != nil {
		failed(w, NotFound{fmt.Errorf("a fault is called by its number, not %q; GET faults lists them", r.PathValue("id"))})
		return
	}
	if err := a.control(r).ClearFault(id); err != nil {
		failed(w, err)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}
