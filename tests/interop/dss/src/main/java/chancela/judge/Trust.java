package chancela.judge;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;

import eu.europa.esig.dss.model.DSSDocument;
import eu.europa.esig.dss.service.crl.OnlineCRLSource;
import eu.europa.esig.dss.service.http.commons.CommonsDataLoader;
import eu.europa.esig.dss.service.http.commons.FileCacheDataLoader;
import eu.europa.esig.dss.service.http.commons.OCSPDataLoader;
import eu.europa.esig.dss.service.ocsp.OnlineOCSPSource;
import eu.europa.esig.dss.spi.DSSUtils;
import eu.europa.esig.dss.spi.policy.SignaturePolicyProvider;
import eu.europa.esig.dss.spi.tsl.TrustedListsCertificateSource;
import eu.europa.esig.dss.spi.validation.CertificateVerifier;
import eu.europa.esig.dss.spi.validation.CommonCertificateVerifier;
import eu.europa.esig.dss.spi.x509.CertificateSource;
import eu.europa.esig.dss.spi.x509.CommonTrustedCertificateSource;
import eu.europa.esig.dss.spi.x509.CommonCertificateSource;
import eu.europa.esig.dss.spi.x509.aia.DefaultAIASource;
import eu.europa.esig.dss.tsl.job.TLValidationJob;
import eu.europa.esig.dss.tsl.source.TLSource;

/** Anchors, the trusted list, and where to ask for certificates and their status. */
final class Trust {
    private static final int MILLISECONDS = 10_000;

    private final CertificateSource anchors;
    private final TrustedListsCertificateSource listed = new TrustedListsCertificateSource();
    private final Map<String, DSSDocument> policies;

    Trust(Job job) throws IOException {
        CommonTrustedCertificateSource trusted = new CommonTrustedCertificateSource();
        for (Path anchor : job.anchors()) {
            trusted.addCertificate(DSSUtils.loadCertificate(anchor.toFile()));
        }
        anchors = trusted;
        policies = job.policies();
        if (job.listUrl() != null) {
            readList(job.listUrl(), job.listSigner());
        }
    }

    /** Everything a validation asks; a new one each time, because it keeps what it found. */
    CertificateVerifier verifier(boolean byList) {
        CommonCertificateVerifier verifier = new CommonCertificateVerifier();
        verifier.setTrustedCertSources(byList ? listed : anchors);
        verifier.setAIASource(new DefaultAIASource(loader()));
        verifier.setCrlSource(new OnlineCRLSource(loader()));
        OCSPDataLoader ocsp = new OCSPDataLoader();
        ocsp.setTimeoutConnection(MILLISECONDS);
        ocsp.setTimeoutSocket(MILLISECONDS);
        verifier.setOcspSource(new OnlineOCSPSource(ocsp));
        return verifier;
    }

    /** Gives signature policies from files, whatever their address says. */
    SignaturePolicyProvider policyProvider() {
        SignaturePolicyProvider provider = new SignaturePolicyProvider();
        provider.setSignaturePoliciesById(policies);
        return provider;
    }

    private void readList(String url, Path signer) throws IOException {
        CommonCertificateSource signers = new CommonCertificateSource();
        signers.addCertificate(DSSUtils.loadCertificate(signer.toFile()));
        TLSource source = new TLSource();
        source.setUrl(url);
        source.setCertificateSource(signers);
        FileCacheDataLoader files = new FileCacheDataLoader(loader());
        files.setFileCacheDirectory(Files.createTempDirectory(signer.getParent(), "list").toFile());
        files.setCacheExpirationTime(0);
        TLValidationJob job = new TLValidationJob();
        job.setTrustedListSources(source);
        job.setTrustedListCertificateSource(listed);
        job.setOnlineDataLoader(files);
        // Its own pool would keep the process alive for a minute.
        ExecutorService worker = Executors.newSingleThreadExecutor();
        job.setExecutorService(worker);
        job.onlineRefresh();
        worker.shutdown();
    }

    private static CommonsDataLoader loader() {
        CommonsDataLoader loader = new CommonsDataLoader();
        loader.setTimeoutConnection(MILLISECONDS);
        loader.setTimeoutSocket(MILLISECONDS);
        return loader;
    }
}
