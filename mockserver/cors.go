package mockserver

import (
	"net/http"
	"slices"
	"strings"

	"github.com/mockauth/mockauth/specs"
)

// cors writes the headers of a cross-origin answer. Where the contract says
// nothing, any origin may call, with credentials: a page on another port is
// what a mock is for.
func cors(h http.Header, r *http.Request, c *specs.CORS) {
	origin := r.Header.Get("Origin")
	if origin == "" {
		return
	}
	switch {
	case c == nil || c.Credentials && (len(c.Origins) == 0 || slices.Contains(c.Origins, "*") || slices.Contains(c.Origins, origin)):
		h.Set("Access-Control-Allow-Origin", origin)
		h.Set("Access-Control-Allow-Credentials", "true")
		h.Add("Vary", "Origin")
	case len(c.Origins) == 0 || slices.Contains(c.Origins, "*"):
		h.Set("Access-Control-Allow-Origin", "*")
	case slices.Contains(c.Origins, origin):
		h.Set("Access-Control-Allow-Origin", origin)
		h.Add("Vary", "Origin")
	default:
		return
	}
	h.Set("Access-Control-Expose-Headers", "Mockauth-Outcome, Mockauth-Why, Mockauth-Client-Error, Mockauth-Fault")
}

// preflight writes the headers of an answer to OPTIONS: those of CORS if it is
// a preflight, and Allow in any case.
func preflight(h http.Header, r *http.Request, endpoints []*endpoint, c *specs.CORS) {
	h.Set("Allow", allow(endpoints))
	cors(h, r, c)
	h.Del("Access-Control-Expose-Headers")
	if r.Header.Get("Access-Control-Request-Method") != "" && h.Get("Access-Control-Allow-Origin") != "" {
		h.Set("Access-Control-Allow-Methods", allow(endpoints))
		switch asked := r.Header.Get("Access-Control-Request-Headers"); {
		case c != nil && len(c.Headers) > 0:
			h.Set("Access-Control-Allow-Headers", strings.Join(c.Headers, ", "))
		case asked != "":
			h.Set("Access-Control-Allow-Headers", asked)
		}
		h.Set("Access-Control-Max-Age", "600")
	}
}
