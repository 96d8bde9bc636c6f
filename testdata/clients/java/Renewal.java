import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/**
 * Renews a session, once at a time. However many calls are refused at once,
 * whoever began before a renewal ended takes its outcome, be it good or bad, and
 * asks for no other.
 */
final class Renewal {
    private final Runnable work;
    private CompletableFuture<Void> running, last;
    private long ended;

    Renewal(Runnable work) {
        this.work = work;
    }

    /** To be asked for before a call, and handed to since. */
    synchronized long mark() {
        return ended;
    }

    void since(long mark) {
        renew(mark);
    }

    void now() {
        renew(-1);
    }

    private void renew(long mark) {
        CompletableFuture<Void> outcome;
        boolean mine = false;
        synchronized (this) {
            if (mark >= 0 && mark != ended) {
                outcome = last;
            } else {
                mine = running == null;
                if (mine) running = new CompletableFuture<>();
                outcome = running;
            }
        }
        if (mine) {
            RuntimeException failed = null;
            try {
                work.run();
            } catch (RuntimeException e) {
                failed = e;
            }
            synchronized (this) {
                last = running;
                running = null;
                ended++;
            }
            if (failed == null) outcome.complete(null);
            else outcome.completeExceptionally(failed);
        }
        try {
            outcome.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof SessionException known ? known : e;
        }
    }
}
