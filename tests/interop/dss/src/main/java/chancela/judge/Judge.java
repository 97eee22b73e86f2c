package chancela.judge;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import org.jose4j.json.JsonUtil;
import org.jose4j.lang.JoseException;

/**
 * Validates many files in one process: {@code java chancela.judge.Judge job.json verdicts.jsonl}.
 *
 * <p>The job names anchors, an optional trusted list and the files (see {@link Job}); one line of
 * JSON per file comes out, in their order (see {@link Verdict}). A file that cannot be read gets a
 * line with {@code failure}; the exit code tells only whether the job itself was done.
 */
public final class Judge {
    private static final int THREADS = 2;

    private Judge() {
    }

    public static void main(String[] arguments)
            throws IOException, JoseException, InterruptedException, ExecutionException {
        Job job = Job.read(Path.of(arguments[0]));
        Trust trust = new Trust(job);
        ExecutorService workers = Executors.newFixedThreadPool(THREADS);
        try {
            List<Future<Map<String, Object>>> verdicts = new ArrayList<>();
            for (Job.Case one : job.cases()) {
                verdicts.add(workers.submit(() -> Verdict.on(one, trust)));
            }
            List<String> lines = new ArrayList<>();
            for (Future<Map<String, Object>> verdict : verdicts) {
                lines.add(JsonUtil.toJson(verdict.get()));
            }
            Files.write(Path.of(arguments[1]), lines);
        } finally {
            workers.shutdown();
        }
    }
}
