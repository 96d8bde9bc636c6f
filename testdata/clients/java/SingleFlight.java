import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;

/** Runs something once at a time: whoever comes while it runs gets the same outcome. */
final class SingleFlight {
    private CompletableFuture<Void> running;

    void run(Runnable work) {
        CompletableFuture<Void> outcome;
        boolean mine;
        synchronized (this) {
            mine = running == null;
            if (mine) running = new CompletableFuture<>();
            outcome = running;
        }
        if (mine) {
            try {
                work.run();
                done(outcome, null);
            } catch (RuntimeException e) {
                done(outcome, e);
            }
        }
        try {
            outcome.join();
        } catch (CompletionException e) {
            throw e.getCause() instanceof SessionException known ? known : e;
        }
    }

    private void done(CompletableFuture<Void> outcome, RuntimeException error) {
        synchronized (this) {
            running = null;
        }
        if (error == null) outcome.complete(null);
        else outcome.completeExceptionally(error);
    }
}
