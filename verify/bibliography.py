"""The papers and books that claims rest on, by their first authors and years."""

from typing import Final

from verify.sources import Reference

AINSWORTH_2023: Final = Reference(
    "ainsworth-2023",
    "Ainsworth, Hayase and Srinivasa",
    2023,
    "Git re-basin: merging models modulo permutation symmetries. ICLR 2023",
    arxiv="2209.04836",
)
ALLEN_ZHU_LI_SONG_2019: Final = Reference(
    "allen-zhu-li-song-2019",
    "Allen-Zhu, Li and Song",
    2019,
    "A convergence theory for deep learning via over-parameterization. ICML 2019, PMLR 97, 242-252",
    arxiv="1811.03962",
)
AUER_HERBSTER_WARMUTH_1995: Final = Reference(
    "auer-herbster-warmuth-1995",
    "Auer, Herbster and Warmuth",
    1995,
    "Exponentially many local minima for single neurons. NIPS 8, 316-322",
)
AUFFINGER_BEN_AROUS_CERNY_2013: Final = Reference(
    "auffinger-ben-arous-cerny-2013",
    "Auffinger, Ben Arous and Černý",
    2013,
    "Random matrices and complexity of spin glasses. Communications on Pure and Applied Mathematics 66(2), 165-201",
    arxiv="1003.1129",
    doi="10.1002/cpa.21422",
)
BALDI_HORNIK_1989: Final = Reference(
    "baldi-hornik-1989",
    "Baldi and Hornik",
    1989,
    "Neural networks and principal component analysis: learning from examples without local minima. "
    "Neural Networks 2(1), 53-58",
    doi="10.1016/0893-6080(89)90014-2",
)
BELKIN_2019: Final = Reference(
    "belkin-2019",
    "Belkin, Hsu, Ma and Mandal",
    2019,
    "Reconciling modern machine-learning practice and the classical bias-variance trade-off. PNAS 116(32), 15849-15854",
    arxiv="1812.11118",
    doi="10.1073/pnas.1903070116",
)
BERNER_2022: Final = Reference(
    "berner-2022",
    "Berner, Grohs, Kutyniok and Petersen",
    2022,
    "The modern mathematics of deep learning. In: Mathematical aspects of deep learning, Cambridge University Press",
    arxiv="2105.04026",
)
BIANE_1997: Final = Reference(
    "biane-1997",
    "Biane",
    1997,
    "On the free convolution with a semi-circular distribution. Indiana University Mathematics Journal 46(3), 705-718",
)
BLUM_RIVEST_1992: Final = Reference(
    "blum-rivest-1992",
    "Blum and Rivest",
    1992,
    "Training a 3-node neural network is NP-complete. Neural Networks 5(1), 117-127",
    doi="10.1016/S0893-6080(05)80010-3",
)
BOTTOU_CURTIS_NOCEDAL_2018: Final = Reference(
    "bottou-curtis-nocedal-2018",
    "Bottou, Curtis and Nocedal",
    2018,
    "Optimization methods for large-scale machine learning. SIAM Review 60(2), 223-311",
    arxiv="1606.04838",
    doi="10.1137/16M1080173",
)
BUCK_1943: Final = Reference(
    "buck-1943",
    "Buck",
    1943,
    "Partition of space. American Mathematical Monthly 50(9), 541-544",
)
CHAUDHARI_2017: Final = Reference(
    "chaudhari-2017",
    "Chaudhari, Choromanska, Soatto, LeCun, Baldassi, Borgs, Chayes, Sagun and Zecchina",
    2017,
    "Entropy-SGD: biasing gradient descent into wide valleys. ICLR 2017",
    arxiv="1611.01838",
)
CHIZAT_OYALLON_BACH_2019: Final = Reference(
    "chizat-oyallon-bach-2019",
    "Chizat, Oyallon and Bach",
    2019,
    "On lazy training in differentiable programming. NeurIPS 32",
    arxiv="1812.07956",
)
CHO_SAUL_2009: Final = Reference(
    "cho-saul-2009",
    "Cho and Saul",
    2009,
    "Kernel methods for deep learning. Advances in Neural Information Processing Systems 22",
)
CHOROMANSKA_2015: Final = Reference(
    "choromanska-2015",
    "Choromanska, Henaff, Mathieu, Ben Arous and LeCun",
    2015,
    "The loss surfaces of multilayer networks. AISTATS 2015, PMLR 38, 192-204",
    arxiv="1412.0233",
)
COOPER_2021: Final = Reference(
    "cooper-2021",
    "Cooper",
    2021,
    "Global minima of overparameterized neural networks. SIAM Journal on Mathematics of Data Science 3(2), 676-691",
    arxiv="1804.10200",
    doi="10.1137/19M1308943",
)
COVER_1965: Final = Reference(
    "cover-1965",
    "Cover",
    1965,
    "Geometrical and statistical properties of systems of linear inequalities with applications in pattern "
    "recognition. IEEE Transactions on Electronic Computers EC-14(3), 326-334",
    doi="10.1109/PGEC.1965.264137",
)
CUGLIANDOLO_KURCHAN_1993: Final = Reference(
    "cugliandolo-kurchan-1993",
    "Cugliandolo and Kurchan",
    1993,
    "Analytical solution of the off-equilibrium dynamics of a long-range spin-glass model. Physical Review Letters "
    "71(1), 173-176",
    arxiv="cond-mat/9303036",
    doi="10.1103/PhysRevLett.71.173",
)
DANIELY_2016: Final = Reference(
    "daniely-2016",
    "Daniely, Frostig and Singer",
    2016,
    "Toward deeper understanding of neural networks: the power of initialization and a dual view on expressivity. "
    "NIPS 2016",
    arxiv="1602.05897",
)
DINH_2017: Final = Reference(
    "dinh-2017",
    "Dinh, Pascanu, Bengio and Bengio",
    2017,
    "Sharp minima can generalize for deep nets. ICML 2017, PMLR 70, 1019-1028",
    arxiv="1703.04933",
)
DU_2019: Final = Reference(
    "du-2019",
    "Du, Zhai, Póczos and Singh",
    2019,
    "Gradient descent provably optimizes over-parameterized neural networks. ICLR 2019",
    arxiv="1810.02054",
)
FORET_2021: Final = Reference(
    "foret-2021",
    "Foret, Kleiner, Mobahi and Neyshabur",
    2021,
    "Sharpness-aware minimization for efficiently improving generalization. ICLR 2021",
    arxiv="2010.01412",
)
FRANKLE_CARBIN_2019: Final = Reference(
    "frankle-carbin-2019",
    "Frankle and Carbin",
    2019,
    "The lottery ticket hypothesis: finding sparse, trainable neural networks. ICLR 2019",
    arxiv="1803.03635",
)
FREEMAN_BRUNA_2017: Final = Reference(
    "freeman-bruna-2017",
    "Freeman and Bruna",
    2017,
    "Topology and geometry of half-rectified network optimization. ICLR 2017",
    arxiv="1611.01540",
)
GARIPOV_2018: Final = Reference(
    "garipov-2018",
    "Garipov, Izmailov, Podoprikhin, Vetrov and Wilson",
    2018,
    "Loss surfaces, mode connectivity, and fast ensembling of DNNs. NeurIPS 2018",
    arxiv="1802.10026",
)
GRIGSBY_2022: Final = Reference(
    "grigsby-2022",
    "Grigsby, Lindsey, Meyerhoff and Wu",
    2022,
    "Functional dimension of feedforward ReLU neural networks. arXiv preprint",
    arxiv="2209.04036",
)
GUO_2017: Final = Reference(
    "guo-2017",
    "Guo, Pleiss, Sun and Weinberger",
    2017,
    "On calibration of modern neural networks. ICML 2017, PMLR 70, 1321-1330",
    arxiv="1706.04599",
)
HAN_2015: Final = Reference(
    "han-2015",
    "Han, Pool, Tran and Dally",
    2015,
    "Learning both weights and connections for efficient neural networks. NeurIPS 2015",
    arxiv="1506.02626",
)
HANIN_ROLNICK_2019: Final = Reference(
    "hanin-rolnick-2019",
    "Hanin and Rolnick",
    2019,
    "Deep ReLU networks have surprisingly few activation patterns. NeurIPS 2019",
    arxiv="1906.00904",
)
HASSIBI_STORK_1993: Final = Reference(
    "hassibi-stork-1993",
    "Hassibi and Stork",
    1993,
    "Second order derivatives for network pruning: optimal brain surgeon. Advances in Neural Information Processing "
    "Systems 5, 164-171",
)
HASTIE_2009: Final = Reference(
    "hastie-2009",
    "Hastie, Tibshirani and Friedman",
    2009,
    "The elements of statistical learning. Second edition, Springer",
    doi="10.1007/978-0-387-84858-7",
)
HASTIE_2022: Final = Reference(
    "hastie-2022",
    "Hastie, Montanari, Rosset and Tibshirani",
    2022,
    "Surprises in high-dimensional ridgeless least squares interpolation. Annals of Statistics 50(2), 949-986",
    arxiv="1903.08560",
    doi="10.1214/21-AOS2133",
)
HOCHREITER_SCHMIDHUBER_1997: Final = Reference(
    "hochreiter-schmidhuber-1997",
    "Hochreiter and Schmidhuber",
    1997,
    "Flat minima. Neural Computation 9(1), 1-42",
    doi="10.1162/neco.1997.9.1.1",
)
HOYER_2004: Final = Reference(
    "hoyer-2004",
    "Hoyer",
    2004,
    "Non-negative matrix factorization with sparseness constraints. Journal of Machine Learning Research 5, 1457-1469",
)
HUANG_2006: Final = Reference(
    "huang-2006",
    "Huang, Zhu and Siew",
    2006,
    "Extreme learning machine: theory and applications. Neurocomputing 70, 489-501",
    doi="10.1016/j.neucom.2005.12.126",
)
HUTCHINSON_1989: Final = Reference(
    "hutchinson-1989",
    "Hutchinson",
    1989,
    "A stochastic estimator of the trace of the influence matrix for Laplacian smoothing splines. "
    "Communications in Statistics - Simulation and Computation 18(3), 1059-1076",
    doi="10.1080/03610918908812806",
)
IZMAILOV_2018: Final = Reference(
    "izmailov-2018",
    "Izmailov, Podoprikhin, Garipov, Vetrov and Wilson",
    2018,
    "Averaging weights leads to wider optima and better generalization. UAI 2018",
    arxiv="1803.05407",
)
JACOT_2018: Final = Reference(
    "jacot-2018",
    "Jacot, Gabriel and Hongler",
    2018,
    "Neural tangent kernel: convergence and generalization in neural networks. NeurIPS 2018",
    arxiv="1806.07572",
)
KAKADE_LEE_2018: Final = Reference(
    "kakade-lee-2018",
    "Kakade and Lee",
    2018,
    "Provably correct automatic subdifferentiation for qualified programs. NeurIPS 2018",
    arxiv="1809.08530",
)
KARIMI_2016: Final = Reference(
    "karimi-2016",
    "Karimi, Nutini and Schmidt",
    2016,
    "Linear convergence of gradient and proximal-gradient methods under the Polyak-Łojasiewicz condition. ECML PKDD",
    arxiv="1608.04636",
)
KESKAR_2017: Final = Reference(
    "keskar-2017",
    "Keskar, Mudigere, Nocedal, Smelyanskiy and Tang",
    2017,
    "On large-batch training for deep learning: generalization gap and sharp minima. ICLR 2017",
    arxiv="1609.04836",
)
LI_FARKHOOR_2018: Final = Reference(
    "li-farkhoor-2018",
    "Li, Farkhoor, Liu and Yosinski",
    2018,
    "Measuring the intrinsic dimension of objective landscapes. ICLR 2018",
    arxiv="1804.08838",
)
LIU_ZHU_BELKIN_2022: Final = Reference(
    "liu-zhu-belkin-2022",
    "Liu, Zhu and Belkin",
    2022,
    "Loss landscapes and optimization in over-parameterized non-linear systems and neural networks. "
    "Applied and Computational Harmonic Analysis 59, 85-116",
    arxiv="2003.00307",
)
LIVNI_2014: Final = Reference(
    "livni-2014",
    "Livni, Shalev-Shwartz and Shamir",
    2014,
    "On the computational efficiency of training neural networks. NIPS 2014",
    arxiv="1410.1141",
)
MARCHENKO_PASTUR_1967: Final = Reference(
    "marchenko-pastur-1967",
    "Marchenko and Pastur",
    1967,
    "Distribution of eigenvalues for some sets of random matrices. Mathematics of the USSR-Sbornik 1(4), 457-483",
    doi="10.1070/SM1967v001n04ABEH001994",
)
MEI_MONTANARI_2022: Final = Reference(
    "mei-montanari-2022",
    "Mei and Montanari",
    2022,
    "The generalization error of random features regression: precise asymptotics and the double descent curve. "
    "Communications on Pure and Applied Mathematics 75(4), 667-766",
    arxiv="1908.05355",
)
MONTUFAR_2014: Final = Reference(
    "montufar-2014",
    "Montúfar, Pascanu, Cho and Bengio",
    2014,
    "On the number of linear regions of deep neural networks. NeurIPS 2014",
    arxiv="1402.1869",
)
NAKKIRAN_2020: Final = Reference(
    "nakkiran-2020",
    "Nakkiran, Kaplun, Bansal, Yang, Barak and Sutskever",
    2020,
    "Deep double descent: where bigger models and more data hurt. ICLR 2020",
    arxiv="1912.02292",
)
NEYSHABUR_2018: Final = Reference(
    "neyshabur-2018",
    "Neyshabur, Bhojanapalli and Srebro",
    2018,
    "A PAC-Bayesian approach to spectrally-normalized margin bounds for neural networks. ICLR 2018",
    arxiv="1707.09564",
)
NGUYEN_HEIN_2017: Final = Reference(
    "nguyen-hein-2017",
    "Nguyen and Hein",
    2017,
    "The loss surface of deep and wide neural networks. ICML 2017, PMLR 70, 2603-2612",
    arxiv="1704.08045",
)
PENNINGTON_BAHRI_2017: Final = Reference(
    "pennington-bahri-2017",
    "Pennington and Bahri",
    2017,
    "Geometry of neural network loss surfaces via random matrix theory. ICML 2017, PMLR 70, 2798-2806",
)
PENSIA_2020: Final = Reference(
    "pensia-2020",
    "Pensia, Rajput, Nagle, Vishwakarma and Papailiopoulos",
    2020,
    "Optimal lottery tickets via subset sum: logarithmic over-parameterization is sufficient. NeurIPS 2020",
    arxiv="2006.07990",
)
PETERSEN_RASLAN_VOIGTLAENDER_2021: Final = Reference(
    "petersen-raslan-voigtlaender-2021",
    "Petersen, Raslan and Voigtlaender",
    2021,
    "Topological properties of the set of functions generated by neural networks of fixed size. "
    "Foundations of Computational Mathematics 21, 375-444",
    arxiv="1806.08459",
    doi="10.1007/s10208-020-09461-0",
)
ROBBINS_MONRO_1951: Final = Reference(
    "robbins-monro-1951",
    "Robbins and Monro",
    1951,
    "A stochastic approximation method. Annals of Mathematical Statistics 22, 400-407",
    doi="10.1214/aoms/1177729586",
)
SAFRAN_SHAMIR_2018: Final = Reference(
    "safran-shamir-2018",
    "Safran and Shamir",
    2018,
    "Spurious local minima are common in two-layer ReLU neural networks. ICML 2018, PMLR 80, 4433-4441",
    arxiv="1712.08968",
)
SAGUN_2018: Final = Reference(
    "sagun-2018",
    "Sagun, Evci, Güney, Dauphin and Bottou",
    2018,
    "Empirical analysis of the Hessian of over-parametrized neural networks. ICLR 2018, workshop track",
    arxiv="1706.04454",
)
SAXE_2014: Final = Reference(
    "saxe-2014",
    "Saxe, McClelland and Ganguli",
    2014,
    "Exact solutions to the nonlinear dynamics of learning in deep linear neural networks. ICLR 2014",
    arxiv="1312.6120",
)
SOLTANOLKOTABI_2019: Final = Reference(
    "soltanolkotabi-2019",
    "Soltanolkotabi, Javanmard and Lee",
    2019,
    "Theoretical insights into the optimization landscape of over-parameterized shallow neural networks. "
    "IEEE Transactions on Information Theory 65(2), 742-769",
    arxiv="1707.04926",
)
SOUDRY_2018: Final = Reference(
    "soudry-2018",
    "Soudry, Hoffer, Nacson, Gunasekar and Srebro",
    2018,
    "The implicit bias of gradient descent on separable data. Journal of Machine Learning Research 19(70), 1-57",
    arxiv="1710.10345",
)
TANAKA_2020: Final = Reference(
    "tanaka-2020",
    "Tanaka, Kunin, Yamins and Ganguli",
    2020,
    "Pruning neural networks without any data by iteratively conserving synaptic flow. NeurIPS 2020",
    arxiv="2006.05467",
)
VENTURI_BANDEIRA_BRUNA_2019: Final = Reference(
    "venturi-bandeira-bruna-2019",
    "Venturi, Bandeira and Bruna",
    2019,
    "Spurious valleys in one-hidden-layer neural network optimization landscapes. "
    "Journal of Machine Learning Research 20(133), 1-34",
    arxiv="1802.06384",
)
VOICULESCU_1986: Final = Reference(
    "voiculescu-1986",
    "Voiculescu",
    1986,
    "Addition of certain non-commuting random variables. Journal of Functional Analysis 66(3), 323-346",
    doi="10.1016/0022-1236(86)90062-5",
)
WIGNER_1958: Final = Reference(
    "wigner-1958",
    "Wigner",
    1958,
    "On the distribution of the roots of certain symmetric matrices. Annals of Mathematics 67(2), 325-327",
    doi="10.2307/1970008",
)
WU_MA_E_2018: Final = Reference(
    "wu-ma-e-2018",
    "Wu, Ma and E",
    2018,
    "How SGD selects the global minima in over-parameterized learning: a dynamical stability perspective. NeurIPS 2018",
)
WU_ZHU_E_2017: Final = Reference(
    "wu-zhu-e-2017",
    "Wu, Zhu and E",
    2017,
    "Towards understanding generalization of deep learning: perspective of loss landscapes. arXiv preprint",
    arxiv="1706.10239",
)
ZASLAVSKY_1975: Final = Reference(
    "zaslavsky-1975",
    "Zaslavsky",
    1975,
    "Facing up to arrangements: face-count formulas for partitions of space by hyperplanes. Memoirs of the American "
    "Mathematical Society 154",
    doi="10.1090/memo/0154",
)
ZHANG_2017: Final = Reference(
    "zhang-2017",
    "Zhang, Bengio, Hardt, Recht and Vinyals",
    2017,
    "Understanding deep learning requires rethinking generalization. ICLR 2017",
    arxiv="1611.03530",
)
