from .critical_point import CriticalPointCertificate as CriticalPointCertificate
from .critical_point import certify_critical_point as certify_critical_point
from .inertia import SpectralSigns as SpectralSigns
from .inertia import certified_signs as certified_signs
from .krawczyk import NoCertificateError as NoCertificateError
